import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from legonet.data.voc import CATEGORIES, VocImages
from legonet.errors import DataError

CAT, DOG, VOID = 8, 12, 255


@pytest.fixture
def root(tmp_path) -> Path:
    """Six images of 20x10 in VOC's layout: 0 and 1 show a cat in the left half, 2 to 5 a dog."""
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for folder in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (base / folder).mkdir(parents=True)
    names = [f"2007_{number:06}" for number in range(6)]
    for number, name in enumerate(names):
        Image.new("RGB", (20, 10), (number * 40, 0, 0)).save(base / "JPEGImages" / f"{name}.jpg")
        indices = np.zeros((10, 20), np.uint8)
        indices[:, :10] = CAT if number < 2 else DOG
        indices[:, 10:12] = VOID
        mask = Image.fromarray(indices).convert("P")
        mask.putdata(indices.reshape(-1).tolist())
        mask.save(base / "SegmentationClass" / f"{name}.png")
    (base / "ImageSets" / "Segmentation" / "train.txt").write_text("\n".join(names) + "\n")
    return tmp_path


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*_):
        raise AssertionError("VOC must never be downloaded")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_there_are_twenty_categories():
    assert len(CATEGORIES) == 20
    assert CATEGORIES.index("cat") + 1 == CAT
    assert CATEGORIES.index("dog") + 1 == DOG
    assert CATEGORIES[-1] == "tvmonitor"


def test_a_balanced_single_category_set(root):
    data = VocImages(root, "cat", shape=(3, 5, 10))
    assert len(data) == 4
    assert data.labels == [1, 1, 0, 0]
    image, label, mask = data[0]
    assert image.shape == (3, 5, 10)
    assert image.dtype == torch.float32
    assert label == 1
    assert mask.shape == (1, 5, 10)
    assert mask.dtype == torch.bool
    assert mask[0, :, :5].all()
    assert not mask[0, :, 5:].any()  # void is not the category
    assert not data[3][2].any()


def test_fewer_negatives_than_positives_are_all_taken(root):
    assert sorted(VocImages(root, "dog").labels) == [0, 0, 1, 1, 1, 1]


def test_the_seed_draws_the_negatives(root):
    draws = [tuple(file.name for file in VocImages(root, "cat", seed=seed).files) for seed in range(20)]
    assert draws[0] == tuple(file.name for file in VocImages(root, "cat", seed=0).files)
    assert len(set(draws)) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"category": "zebra"}, "VOC: no category 'zebra'; expected one of aeroplane"),
        ({"split": "test"}, "VOC: no split 'test'; expected one of train, val, trainval"),
        ({"year": "2013"}, "VOC: no year '2013'; expected one of 2007"),
        ({"seed": -1}, "VOC: found the seed -1; expected 0 or more"),
        ({"shape": (4, 8, 8)}, r"images: shape \(4, 8, 8\); expected channels"),
        ({"category": "cow"}, "no image of VOC2012 train shows a cow; expected at least one"),
        ({"split": "val"}, "VOC2012: VOC's segmentation set is not there, or incomplete"),
        ({"year": "2007"}, "VOC2007: VOC's segmentation set is not there, or incomplete"),
    ],
)
def test_what_is_not_there(root, arguments, message):
    with pytest.raises(DataError, match=message):
        VocImages(root, **{"category": "cat", **arguments})


def test_a_missing_root_says_that_nothing_is_downloaded(tmp_path):
    with pytest.raises(DataError, match="legonet never downloads it"):
        VocImages(tmp_path / "nothing", "cat")
    assert not (tmp_path / "nothing").exists()


def test_damaged_files(root):
    data = VocImages(root, "cat")
    base = root / "VOCdevkit" / "VOC2012"
    (base / "JPEGImages" / "2007_000000.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match=r"2007_000000\.jpg: cannot be read as an image"):
        data[0]
    (base / "SegmentationClass" / "2007_000001.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"2007_000001\.png: cannot be read"):
        data[1]
    (base / "SegmentationClass" / "2007_000001.png").unlink()
    with pytest.raises(DataError, match=r"2007_000001\.png: no such file"):
        VocImages(root, "cat")


def test_a_mask_in_colours_is_refused(root):
    Image.new("RGB", (20, 10)).save(root / "VOCdevkit" / "VOC2012" / "SegmentationClass" / "2007_000000.png")
    with pytest.raises(DataError, match="has mode RGB; expected VOC's palette"):
        VocImages(root, "cat")
