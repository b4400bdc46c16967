"""Images in every form that people have them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from legonet.data.photos import find_photos, how_many
from legonet.errors import DataError
from legonet.graph.schema import Input

SHAPE = (3, 8, 8)
PIXELS = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)


def refuse(error: DataError) -> None:
    """No folder is at fault here."""
    raise AssertionError(error)


def values(given: Any, shape: tuple[int, int, int] = SHAPE) -> torch.Tensor:
    """The one image that is given, as the network takes it."""
    (photo,) = find_photos(given, refuse)
    return photo.values(Input(shape=shape))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Image.fromarray(PIXELS).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_one_picture_gives_the_same_numbers_in_every_form(file: Path) -> None:
    expected = values(file)
    assert expected.shape == SHAPE
    for same in (
        str(file),
        file.parent,
        Image.open(file),
        PIXELS,
        PIXELS[None],
        np.dstack([PIXELS, np.full((10, 12), 255, np.uint8)]),
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        torch.from_numpy(PIXELS).permute(2, 0, 1)[None],
        [[file]],
    ):
        assert torch.equal(values(same), expected)
    as_numbers = values(PIXELS / 255)
    assert torch.allclose(as_numbers, expected, atol=0.01)  # bytes are rounded once more


def test_a_tensor_of_the_networks_size_is_taken_as_it_is() -> None:
    image = torch.rand(SHAPE, generator=torch.Generator().manual_seed(1))
    assert torch.equal(values(image), image)
    assert torch.equal(values(image.numpy()), image)  # channels first, since there are three of them


def test_channels() -> None:
    grey = PIXELS[..., 0]
    assert torch.equal(values(grey), values(Image.fromarray(grey)))
    assert values(grey / 255).shape == SHAPE
    one = values(PIXELS / 255, (1, 10, 12))
    assert torch.allclose(one, values(PIXELS, (1, 10, 12)), atol=0.005)


def test_each_knows_its_name_and_its_own_size(file: Path) -> None:
    given = [file, file.parent, PIXELS, Image.open(file), torch.rand(2, 1, 4, 4)]
    photos = list(find_photos(given, refuse))
    assert [each.name for each in photos] == [*[str(file)] * 2, "image 0", str(file), "image 2", "image 3"]
    assert [each.named for each in photos] == [True, False, True, True, True, True]
    assert [each.picture().size for each in photos] == [(12, 10)] * 4 + [(4, 4)] * 2
    assert {each.picture().mode for each in photos} == {"RGB"}
    assert how_many(given) == len(photos)
    assert how_many(iter(given)) is None


def test_a_picture_is_turned_upright() -> None:
    picture = Image.fromarray(PIXELS)
    picture.getexif()[0x0112] = 6
    (photo,) = find_photos(picture, refuse)
    assert photo.picture().size == (10, 12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "image 0: found .*; expected a file, a folder, a PIL image"),
        ([PIXELS, (PIXELS, 1)], "image 2: found .*; give images without their labels"),
        ({"cat": PIXELS}, "image 0: found "),
        (PIXELS * 1.0, r"image 0: values from 0 to 255; .* divide by 255"),
        (torch.randn(3, 8, 8) - 1, "image 0: values from -"),
        (torch.zeros(5, 8, 8), r"shape \(5, 8, 8\); expected \(channels, height, width\)"),
        (np.zeros((2, 2, 2, 2, 2)), r"expected \(height, width, channels\)"),
        (torch.zeros(3, 8, 8, dtype=torch.int64), "found torch.int64; expected bytes"),
        (Image.fromarray(np.zeros((4, 4), np.float32)), "image 0: has more than 8 bits per channel"),
        ("nothing.png", "nothing.png: no such file"),
    ],
)
def test_what_is_no_image(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        [photo.values(Input(shape=SHAPE)) for photo in find_photos(given, refuse)]


@pytest.mark.parametrize(
    "kind", ["g", "G", "D", "O", "M8[s]", "m8[s]", "U3", "S3", "V3", "u1,u1", "?", "<i8", ">i8"]
)
def test_arrays_of_what_is_no_byte_and_no_fraction(kind: str) -> None:
    with pytest.raises(
        DataError, match=r"image 0: found .*; expected bytes \(uint8\), or numbers from 0 to 1"
    ):
        values(np.zeros((8, 8, 3), kind))


def test_any_order_of_bytes_and_of_memory() -> None:
    expected = values((PIXELS / 255).astype(np.float32))
    for same in (">f4", ">f8", "<f8"):
        assert torch.allclose(values((PIXELS / 255).astype(same)), expected)
    assert torch.equal(values(PIXELS[::-1, ::-1, ::-1][::-1, ::-1, ::-1]), values(PIXELS))
    assert torch.equal(values(PIXELS[:, ::-1]), values(PIXELS[:, ::-1].copy()))


def test_a_side_is_bounded_in_every_form(tmp_path: Path) -> None:
    """A few kilobytes of one long line would take tens of seconds to resize."""
    line = Image.new("L", (65_536, 1))
    line.save(tmp_path / "line.png")
    for given in (
        tmp_path / "line.png",
        line,
        np.asarray(line),
        np.ones((65_536, 1)),
        torch.ones(3, 1, 65_536),
    ):
        with pytest.raises(
            DataError, match="pixels; expected at most 65,535 in width and in height; make it"
        ):
            values(given)
    Image.new("L", (65_535, 1)).save(tmp_path / "line.png")
    assert values(tmp_path / "line.png").shape == SHAPE


def test_a_folder_without_an_image_is_told(tmp_path: Path) -> None:
    told: list[DataError] = []
    assert list(find_photos(tmp_path, told.append)) == []
    assert "holds no image" in str(told[0])


def test_a_picture_at_its_own_size(file: Path) -> None:
    expected = torch.from_numpy(PIXELS).permute(2, 0, 1) / 255
    for given in (file, Image.open(file), PIXELS, PIXELS / 255):
        (photo,) = find_photos(given, refuse)
        assert torch.allclose(photo.pixels(3), expected.float(), atol=1e-6)
        assert photo.pixels(1).shape == (1, 10, 12)


def test_a_picture_in_memory_that_is_damaged_or_too_large(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:60])
    with Image.open(file) as opened:
        (cut,) = find_photos(opened, refuse)
        with pytest.raises(DataError, match=r"cat\.png: cannot be read as an image"):
            cut.pixels(3)
    monkeypatch.setattr("legonet.data.pictures.MOST_PIXELS", 10 * 12 - 1)
    (large,) = find_photos(PIXELS, refuse)
    with pytest.raises(DataError, match="image 0: 12x10 pixels; expected at most 119"):
        large.pixels(3)
