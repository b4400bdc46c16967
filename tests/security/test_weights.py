"""Files of weights cost what they weigh: nothing in them is run, expanded, or looked at for ever."""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from legonet.errors import StoreError, TeacherError
from legonet.store.tensors import read_tensors
from legonet.teachers.statistics_file import parse_statistics
from legonet.teachers.weights import pickles, zip_records
from legonet.teachers.weights.checkpoints import AVERAGES, WRAPPERS, fill, read_checkpoint


def saved(content: Any, path: Path, new: bool = True) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of kinds of tensors to come
        torch.save(content, path, _use_new_zipfile_serialization=new)
    return path


def archive(path: Path, pickled: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    """A checkpoint of any pickle."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("w/data.pkl", pickled)
    return path


@pytest.mark.parametrize("new", [True, False])
def test_dictionaries_that_share_dictionaries_are_looked_at_once(new: bool, tmp_path: Path) -> None:
    nested: dict[str, Any] = {"epoch": 3}
    for _ in range(40):
        nested = dict.fromkeys((*WRAPPERS, *AVERAGES), nested)
    with pytest.raises(TeacherError, match="holds the keys state_dict"):
        read_checkpoint(saved(nested, tmp_path / "w.pt", new))


def test_a_dictionary_that_holds_itself(tmp_path: Path) -> None:
    nested: dict[str, Any] = {}
    nested["state_dict"] = nested
    with pytest.raises(TeacherError, match="holds the keys state_dict"):
        read_checkpoint(saved(nested, tmp_path / "w.pt"))


def test_keys_whose_hash_takes_for_ever_are_refused(tmp_path: Path) -> None:
    steps = b"\x80\x02})" + b"\x86".join([b"2"] * 60) + b"\x86K\x01s."
    with pytest.raises(TeacherError, match="cut short or damaged"):
        read_checkpoint(archive(tmp_path / "w.pt", steps))


def test_a_pickle_of_too_many_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MOST_STEPS", 1000)
    many = {f"{number}": torch.zeros(0) for number in range(100)}
    with pytest.raises(TeacherError, match=r"takes more than 1,000 steps to read"):
        read_checkpoint(saved(many, tmp_path / "w.pt"))


def test_copies_count_as_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of a megabyte, and a thousand calls that would each make bytes of it."""
    monkeypatch.setattr(pickles, "MOST_STEPS", 100_000)
    text = pickle.dumps("a" * 2**20, 2)[2:-1]
    call = b"c_codecs\nencode\nh\x00\x85R"
    with pytest.raises(TeacherError, match="takes more than 100,000 steps"):
        read_checkpoint(archive(tmp_path / "w.pt", b"\x80\x02]" + text + call * 1000 + b"."))


def test_bytes_of_any_number_are_not_made(tmp_path: Path) -> None:
    steps = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x02\x85R."
    with pytest.raises(TeacherError, match="expected tensors by name"):
        read_checkpoint(archive(tmp_path / "w.pt", steps))


@pytest.mark.parametrize("place", [2**8 - 1, 2**32 - 1])
def test_a_place_far_away_in_the_memory_of_a_pickle_takes_none(place: int, tmp_path: Path) -> None:
    steps = b"\x80\x02}r" + place.to_bytes(4, "little") + b"."
    with pytest.raises(TeacherError, match="holds nothing"):
        read_checkpoint(archive(tmp_path / "w.pt", steps))


def test_what_records_become_is_known_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_records, "MOST_UNPACKED", 2**20)
    path = archive(tmp_path / "w.pt", bytes(2**20 + 1), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**13
    with pytest.raises(TeacherError, match="compressed records have more than 1 MiB: unpack it"):
        read_checkpoint(path)


def test_a_record_that_becomes_more_than_its_directory_says(tmp_path: Path) -> None:
    path = archive(tmp_path / "w.pt", bytes(5000), zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    path.write_bytes(data.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    with pytest.raises(TeacherError, match="does not have the size that its directory says"):
        read_checkpoint(path)


def test_a_directory_of_too_many_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_records, "LARGEST_DIRECTORY", 100)
    with pytest.raises(TeacherError, match="its directory has"):
        read_checkpoint(saved({"a": torch.zeros(3)}, tmp_path / "w.pt"))


def _nested() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])


def _quantised() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.quint8)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: torch.zeros(2, device="meta"), "without values, of the meta device"),
        (lambda: torch.zeros(2, 2).to_sparse(), "sparse"),
        (lambda: torch.zeros(2, dtype=torch.complex64), "of complex numbers"),
        (_nested, "nested"),
        (_quantised, "quantised"),
    ],
    ids=["meta", "sparse", "complex", "nested", "quantised"],
)
def test_tensors_that_are_not_just_numbers(make: Any, what: str, tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=rf"w\.pt: cannot be read: odd is {what}: save plain tensors"):
        read_checkpoint(saved({"odd": make()}, tmp_path / "w.pt"))


def _rebuilt(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """The pickle of one tensor on the storage `0` of two numbers."""

    def text(value: str) -> bytes:
        return pickle.dumps(value, 2)[2:-1].split(b"q\x00")[0]

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x02tQ"
    numbers = b"".join(_plain(each) for each in (offset, shape, strides))
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + numbers + b"\x89}tR"
    return b"\x80\x02}" + text("odd") + tensor + b"s."


def _plain(value: Any) -> bytes:
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_plain, value)) + b"t"
    return b"\x8a\x10" + value.to_bytes(16, "little", signed=True)


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "what"),
    [
        (0, (0, 2**63), (1, 1), "a size that no memory holds"),
        (0, (2**40, 2**40), (0, 0), "more numbers than any memory holds"),
        (0, (3,), (1,), "reaches beyond its storage"),
        (1, (2,), (1,), "reaches beyond its storage"),
        (0, (2,), (2**60,), "reaches beyond its storage"),
        (0, (-1,), (1,), "a size that no memory holds"),
        (-1, (1,), (1,), "a size that no memory holds"),
        (0, (1,) * 65, (1,) * 65, "has no shape"),
        (0, (1, 1), (1,), "more numbers than any memory holds"),
    ],
)
def test_tensors_that_no_storage_holds(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...], what: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as file:
        file.writestr("w/data.pkl", _rebuilt(offset, shape, strides))
        file.writestr("w/data/0", bytes(8))
    with pytest.raises(TeacherError, match=what):
        read_checkpoint(tmp_path / "w.pt")


def test_the_pickle_of_these_tests_is_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as file:
        file.writestr("w/data.pkl", _rebuilt(0, (2,), (1,)))
        file.writestr("w/data/0", bytes(8))
    assert torch.equal(read_checkpoint(tmp_path / "w.pt")["odd"], torch.zeros(2))


def test_an_expanded_tensor_takes_no_room_before_its_shape_is_known_to_fit(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as file:
        file.writestr("w/data.pkl", _rebuilt(0, (2**50,), (0,)))
        file.writestr("w/data/0", bytes(8))
    with pytest.raises(TeacherError, match="the weights are of another model"):
        fill(nn.Linear(2, 2), read_checkpoint(tmp_path / "w.pt"))


def test_newer_protocols_are_read_too(tmp_path: Path) -> None:
    for protocol in (2, 3, 4, 5):
        file = io.BytesIO()
        torch.save({"w": torch.arange(3.0)}, file, pickle_protocol=protocol)
        (tmp_path / "w.pt").write_bytes(file.getvalue())
        assert torch.equal(read_checkpoint(tmp_path / "w.pt")["w"], torch.arange(3.0))


def header(shape: str, offsets: str = "[0,0]") -> bytes:
    text = f'{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}'.encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "shape",
    ["[" + ",".join(["9" * 4000] * 900) + "]", "[0,9223372036854775808]", f"[0,{2**62}]", f"[{'1,' * 99}0]"],
    ids=["digits", "2**63", "2**62", "axes"],
)
def test_headers_with_sizes_that_no_memory_holds(shape: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="expected a whole safetensors file"):
        read_tensors(header(shape), "file")
    (tmp_path / "w.safetensors").write_bytes(header(shape))
    with pytest.raises(TeacherError):
        read_checkpoint(tmp_path / "w.safetensors")
    with pytest.raises(TeacherError, match="not a statistics file"):
        parse_statistics(header(shape), "statistics")


def test_headers_of_too_many_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.store.tensors.MOST_TENSORS", 3)
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    text = json.dumps({str(number): entry for number in range(4)}).encode()
    with pytest.raises(StoreError, match="has 4 tensors, more than 3"):
        read_tensors(len(text).to_bytes(8, "little") + text, "file")
