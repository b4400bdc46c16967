from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from legonet.data import animals
from legonet.data.source import open_source
from legonet.errors import DataError
from legonet.graph.schema import Input


def test_animals_are_a_source() -> None:
    source = open_source("animals", (3, 32, 32))
    images, labels = source.samples("cat", split="validation")
    expected = animals.single_category("cat", "validation")
    assert torch.equal(images, expected.images)
    assert torch.equal(labels, expected.labels)
    _, masks = source.samples("cat", mask=True, split="validation")
    assert masks.shape == (len(images), 32, 32)
    assert torch.equal(masks.bool(), expected.masks[:, 0])


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 32, 48)])
def test_animals_are_square_and_in_colour(shape: tuple[int, int, int]) -> None:
    with pytest.raises(DataError, match="animals: the network takes"):
        open_source("animals", shape)


def test_a_folder_is_a_source(tmp_path: Path) -> None:
    for category, colour in (("cat", "red"), ("dog", "blue")):
        (tmp_path / category).mkdir()
        Image.new("RGB", (5, 4), colour).save(tmp_path / category / "1.png")
        Image.new("L", (5, 4), 255).save(tmp_path / category / "1.mask.png")
    source = open_source(str(tmp_path), Input(shape=(3, 8, 8), resize="squash"))
    images, labels = source.samples("cat")
    assert labels.tolist() == [1, 0]
    assert images[0, :, 0, 0].tolist() == [1, 0, 0]
    _, masks = source.samples("cat", mask=True)
    assert masks[0].unique().tolist() == [1]
    assert masks[1].unique().tolist() == [0]


def test_a_missing_folder_is_told() -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        open_source("nowhere", (3, 8, 8)).samples("cat")
