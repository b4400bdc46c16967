from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from legonet.data.folder import FolderImages
from legonet.data.pictures import FORMATS
from legonet.errors import DataError
from legonet.graph.schema import Input

RED, GREEN = (255, 0, 0), (0, 255, 0)
SQUASHED = Input(shape=(3, 8, 8), resize="squash")


@pytest.fixture
def root(tmp_path) -> Path:
    """Two cats (red, 40x20, the left half masked) and one dog (green, 10x10, no mask)."""
    for name, colour, size in (
        ("cat/1.png", RED, (40, 20)),
        ("cat/2.png", RED, (40, 20)),
        ("dog/a.jpg", GREEN, (10, 10)),
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", size, colour).save(file)
    left = np.zeros((20, 40), np.uint8)
    left[:, :20] = 255
    for number in (1, 2):
        Image.fromarray(left).save(tmp_path / f"cat/{number}.mask.png")
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_images_and_labels_by_folder(root):
    data = FolderImages(root, Input(shape=(3, 8, 6), resize="squash"))
    assert data.names == ("cat", "dog")
    assert len(data) == 3
    assert data.labels == [0, 0, 1]
    assert [str(file.relative_to(root)) for file in data.files] == ["cat/1.png", "cat/2.png", "dog/a.jpg"]
    image, label = data[0]
    assert image.shape == (3, 8, 6)
    assert image.dtype == torch.float32
    assert label == 0
    assert torch.equal(image[:, 0, 0], torch.tensor([1.0, 0.0, 0.0]))
    assert torch.allclose(data[2][0][:, 0, 0], torch.tensor([0.0, 1.0, 0.0]), atol=0.02)


def test_a_single_category_set_needs_masks_of_its_own_only(root):
    data = FolderImages(root, SQUASHED, positive="cat", masks=True)
    assert data.labels == [1, 1, 0]
    _, _, mask = data[1]
    assert mask.shape == (1, 8, 8)
    assert mask.dtype == torch.bool
    assert mask[0, :, :4].all()
    assert not mask[0, :, 4:].any()
    assert not data[2][2].any()


def test_it_feeds_a_data_loader(root):
    images, labels, masks = next(
        iter(DataLoader(FolderImages(root, positive="cat", masks=True), batch_size=3))
    )
    assert images.shape == (3, 3, 32, 32)
    assert labels.tolist() == [1, 1, 0]
    assert masks.shape == (3, 1, 32, 32)


def test_grey_input(root):
    image, _ = FolderImages(root, Input(shape=(1, 4, 4), resize="squash"))[0]
    assert image.shape == (1, 4, 4)
    assert image.mean() == pytest.approx(76 / 255, abs=0.01)  # the luma of red


def test_values_survive_where_nothing_is_resized(root):
    values = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(values).save(root / "dog" / "b.png")
    data = FolderImages(root, (3, 5, 7))
    image, _ = data[[file.name for file in data.files].index("b.png")]
    assert torch.equal((image * 255).round().byte(), torch.from_numpy(values).permute(2, 0, 1))


def test_a_picture_is_turned_upright_with_its_mask(root):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    picture = Image.new("RGB", (8, 4), RED)
    picture.paste(GREEN, (0, 0, 4, 4))
    picture.save(root / "cat" / "3.png", exif=exif)
    upright = np.zeros((8, 4), np.uint8)
    upright[:4] = 255
    Image.fromarray(upright).save(root / "cat" / "3.mask.png")
    image, _, mask = FolderImages(root, (3, 8, 4), positive="cat", masks=True)[2]
    assert (image[1, :3] == 1).all()
    assert (image[0, 5:] == 1).all()
    assert torch.equal(mask[0], torch.from_numpy(upright > 0))


def test_a_palette_mask_counts_every_index_but_zero(root):
    mask = Image.new("P", (40, 20))
    mask.putpalette([0, 0, 0, 10, 0, 0])  # index 1 is nearly black
    mask.paste(1, (0, 0, 20, 20))
    mask.save(root / "cat" / "1.mask.png")
    assert FolderImages(root, SQUASHED, positive="cat", masks=True)[0][2].float().mean() == 0.5


def test_no_image_is_squashed_unless_that_is_said(root):
    """One of 20x40 shows all of it in the middle of a square, and its mask with it."""
    grey = Input(shape=(3, 8, 8), mean=(0.5,) * 3)
    image, _, mask = FolderImages(root, grey, positive="cat", masks=True)[0]
    assert (image[:, :2] == 0.5).all()
    assert (image[:, 6:] == 0.5).all()
    torch.testing.assert_close(image[0, 2:6], torch.ones(4, 8))
    assert mask[0].nonzero().tolist() == [[row, column] for row in range(2, 6) for column in range(4)]


def read_all(data: FolderImages) -> None:
    for index in range(len(data)):
        data[index]


def message(root: Path, **arguments) -> str:
    with pytest.raises(DataError) as caught:
        read_all(FolderImages(root, **arguments))
    return str(caught.value)


def test_a_missing_root(tmp_path):
    root = tmp_path / "nothing"
    assert message(root).startswith(
        f"{root}: no such folder; expected one that holds a folder of images for each category"
    )


def test_a_root_without_folders(tmp_path):
    assert (
        message(tmp_path)
        == f"{tmp_path}: holds no folders; expected one for each category, such as cat/; make them"
    )


def test_an_empty_category(root):
    (root / "cow").mkdir()
    assert message(root).startswith(f"{root / 'cow'}: holds no image; expected files ending in .png, .jpg")


def test_an_unknown_positive(root):
    assert (
        message(root, positive="cow")
        == f"{root}: found folders cat, dog; expected one for each category; add cow"
    )


def test_missing_masks(root):
    assert message(root, masks=True) == f"{root}/dog/a.jpg: has no mask; expected a.mask.png beside it"
    (root / "cat" / "1.mask.png").unlink()
    (root / "cat" / "2.mask.png").unlink()
    assert message(root, masks=True, positive="cat") == (
        f"{root}/cat/1.png: has no mask (and 1 more in that folder); expected 1.mask.png beside it"
    )


def test_a_mask_without_an_image(root):
    (root / "cat" / "2.png").unlink()
    assert message(root).startswith(
        f"{root}/cat/2.mask.png: a mask without an image; expected 2.png or the like"
    )


def test_a_mask_of_another_size(root):
    Image.new("L", (20, 20)).save(root / "cat" / "1.mask.png")
    assert message(root, masks=True, positive="cat") == (
        f"{root}/cat/1.mask.png: is 20x20 pixels; expected 40x20, as its image; "
        "draw the mask over the image itself"
    )


@pytest.mark.parametrize("keep", [0, 5, 40, 60])
def test_a_damaged_image(root, keep):
    file = root / "cat" / "1.png"
    file.write_bytes(file.read_bytes()[:keep])
    assert message(root).startswith(f"{file}: cannot be read as an image")


def test_an_image_that_is_something_else(root):
    (root / "dog" / "a.jpg").write_text("<html>")
    assert "a.jpg: cannot be read as an image" in message(root)


def test_an_image_that_vanished(root):
    data = FolderImages(root)
    data.files[0].unlink()
    with pytest.raises(DataError, match=r"1\.png: no such file; expected an image"):
        data[0]


def test_sixteen_bits_are_not_clipped_silently(root):
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(root / "dog" / "b.png")
    assert (
        message(root) == f"{root}/dog/b.png: has more than 8 bits per channel; expected 8; convert it first"
    )


def test_an_image_too_large(root, monkeypatch):
    monkeypatch.setitem(FORMATS, "PNG", 700)
    assert message(root).startswith(f"{root}/cat/1.png: 40x20 pixels; expected at most 700")


@pytest.mark.parametrize("shape", [(2, 8, 8), (3, 0, 8), (3, 8), (3, 8, 10**6)])
def test_shapes_that_no_picture_has(root, shape):
    assert message(root, shape=shape).startswith(f"images: shape {shape}; expected channels (1 or 3)")
