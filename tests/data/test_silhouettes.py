import gzip
import io
import os
import pickle
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from legonet.data import silhouettes
from legonet.data.silhouettes import ANIMALS, SPLITS, near_identical, read_array, split_of
from legonet.errors import DataError


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data))
    return path


def shapes(count: int, seed: int = 0) -> np.ndarray:
    """Random blobs, all different."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 2, (count, 5, 5)).astype(np.uint8) * 255
    return np.pad(blocks.repeat(4, axis=1).repeat(4, axis=2), ((0, 0), (4, 4), (4, 4)))


def test_every_silhouette_is_in_exactly_one_split():
    for animal in ANIMALS:
        parts = {split: silhouettes.silhouettes(animal, split) for split in SPLITS}
        assert sum(len(part) for part in parts.values()) == 1000
        assert 670 <= len(parts["train"]) <= 690
        assert 110 <= len(parts["validation"]) <= 130
        assert 190 <= len(parts["test"]) <= 210


def test_no_silhouette_is_in_two_splits_even_if_flipped_or_shifted_by_a_pixel():
    for animal in ANIMALS:
        seen: dict[bytes, str] = {}
        for split in SPLITS:
            for image in silhouettes.silhouettes(animal, split):
                binary = image > 127
                for flipped in (binary, binary[:, ::-1]):
                    for down in (-1, 0, 1):
                        for right in (-1, 0, 1):
                            key = np.roll(flipped, (down, right), (0, 1)).tobytes()
                            assert seen.setdefault(key, split) == split


def test_the_nearest_silhouettes_of_two_splits_differ():
    """An independent measure: cosine of the grey images, at every shift by up to one pixel."""
    train = silhouettes.silhouettes("cat", "train").astype(np.float32)
    test = silhouettes.silhouettes("cat", "test").astype(np.float32)
    unit = [part / np.linalg.norm(part, axis=(1, 2), keepdims=True) for part in (train, test)]
    best = 0.0
    for mirrored in (unit[1], unit[1][:, :, ::-1]):
        for shift in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)):
            moved = np.roll(mirrored, shift, (1, 2)).reshape(len(test), -1)
            best = max(best, float((unit[0].reshape(len(train), -1) @ moved.T).max()))
    assert 0.8 < best < 0.985  # the same animal in one pose is alike, but not the same


def test_near_identical_joins_copies_flips_and_shifts_and_nothing_else():
    images = shapes(6)
    copies = np.stack([images[2], images[2][:, ::-1], np.roll(images[2], (2, -3), (0, 1))])
    assert near_identical(np.concatenate([images, copies])) == [[0], [1], [2, 6, 7, 8], [3], [4], [5]]


def test_near_identical_joins_chains():
    images = shapes(2)
    images[1] = images[0]
    images[1][4, 4:8] ^= 255
    assert near_identical(images) == [[0, 1]]


def test_a_group_stays_together():
    images = np.concatenate([shapes(100, seed=1)] * 3)
    splits = split_of(images).reshape(3, 100)
    assert (splits == splits[0]).all()
    assert [(splits[0] == index).sum() for index in range(3)] == pytest.approx([68, 12, 20], abs=2)


def test_silhouettes_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        silhouettes.silhouettes("cat", "train")[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("animal", "split", "message"),
    [
        ("cta", "train", "animals: no animal 'cta'; expected one of bear, bird, cat"),
        ("cat", "dev", "animals: no split 'dev'; expected one of train, validation, test"),
    ],
)
def test_unknown_names(animal, split, message):
    with pytest.raises(DataError, match=message):
        silhouettes.silhouettes(animal, split)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("dtype", ["u1", "i8"])
def test_an_array_of_the_package_is_read(tmp_path, protocol, dtype):
    array = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    path = write(tmp_path / "a.gz", pickle.dumps(array, protocol=protocol))
    found = read_array(path, (2, 3, 4), dtype)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


class Hostile:
    def __init__(self, function, *arguments):
        self.function = function
        self.arguments = arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, "system"), (eval, "eval"), (np.load, "load"), (Path, "Path"), (getattr, "getattr")],
)
def test_a_hostile_pickle_is_refused_and_does_nothing(tmp_path, function, name):
    witness = tmp_path / "witness"
    payload = pickle.dumps(Hostile(function, f"touch {witness}"))
    with pytest.raises(DataError, match=rf"not a plain array \(it refers to .*{name}\)"):
        read_array(write(tmp_path / "a.gz", payload), (2,), "u1")
    assert not witness.exists()


def test_a_pickle_that_asks_for_a_huge_array_gets_none(tmp_path):
    """NumPy's own reconstruct would take the memory; the stand-in takes nothing."""
    reconstruct = np.ones(1).__reduce__()[0]
    payload = pickle.dumps(Hostile(reconstruct, np.ndarray, (10**12,), b"b"))
    with pytest.raises(DataError, match="holds something else"):
        read_array(write(tmp_path / "a.gz", payload), (2,), "u1")


def fortran() -> np.ndarray:
    return np.asfortranarray(np.zeros((2, 3), "u1"))


@pytest.mark.parametrize(
    "content",
    [
        np.zeros((3, 2), "u1"),
        np.zeros((2, 3), "i8"),
        np.zeros((2, 3), ">i8"),
        np.array([["a", {}, 3], [1, 2, 3]], dtype=object),
        fortran(),
        [0] * 6,
        None,
        {"data": 1},
    ],
    ids=["shape", "dtype", "byte order", "objects", "fortran", "list", "none", "dict"],
)
def test_anything_but_the_expected_array_is_refused(tmp_path, content):
    path = write(tmp_path / "a.gz", pickle.dumps(content, protocol=4))
    with pytest.raises(DataError, match=r"a\.gz: .*expected a pickled array of shape \(2, 3\) and type u1"):
        read_array(path, (2, 3), "u1")


def test_damaged_files_are_refused(tmp_path):
    good = gzip.compress(pickle.dumps(np.zeros((2, 3), "u1"), protocol=4))
    rng = np.random.default_rng(0)
    damaged = [b"", b"plain text", good[:20], good[:-9], gzip.compress(b""), gzip.compress(b"\x80\x04")]
    damaged += [gzip.compress(rng.bytes(100)) for _ in range(50)]
    path = tmp_path / "a.gz"
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(DataError, match=str(path)):
            read_array(path, (2, 3), "u1")


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "a.gz"
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        for _ in range(64):
            file.write(bytes(2**20))
    path.write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="holds more than 4102 bytes"):
        read_array(path, (2, 3), "u1")


def test_a_missing_package_says_what_to_install(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(DataError, match=r"not installed.*pip install 'legonet\[demo\]'"):
        silhouettes._package_file("animal_data_version_3.gz")


def test_a_package_without_the_file_says_what_to_install():
    with pytest.raises(DataError, match=r"no file nothing\.gz.*pip install --upgrade"):
        silhouettes._package_file("nothing.gz")
