from __future__ import annotations

import pytest
import torch

from legonet.data.animals import OTHERS
from legonet.data.scenes import OBJECTS, SIZE, SIZES, scenes
from legonet.errors import DataError


def test_boxes_hold_the_animals() -> None:
    drawn = scenes("cat", count=40)
    assert drawn.images.shape == (40, 3, SIZE, SIZE)
    assert drawn.labels.shape == (40, OBJECTS, 5)
    assert 0 <= float(drawn.images.min()) < float(drawn.images.max()) <= 1
    held = drawn.labels[..., 4] >= 0
    assert bool((drawn.labels[~held] == -1).all())
    corners = drawn.labels[held]
    assert bool((corners[:, 4] == 0).all())
    sides = corners[:, 2:4] - corners[:, :2]
    assert bool(((sides >= 5) & (sides <= max(SIZES))).all())
    assert bool((corners[:, :2] >= 0).all())
    assert bool((corners[:, 2:4] <= SIZE).all())
    assert 0.8 < float(held.sum(1).float().mean()) < 1.8  # half of two or three
    assert int(held.sum(1).max()) <= 3


def test_only_what_is_in_a_box_differs_between_animal_and_background() -> None:
    """An animal has a colour of its own, so that its box has more contrast inside than at its border."""
    drawn = scenes("base", count=60)
    inside, border = [], []
    for image, rows in zip(drawn.images, drawn.labels, strict=True):
        for left, top, right, bottom in rows[rows[:, 4] >= 0][:, :4].int().tolist():
            box = image[:, top:bottom, left:right]
            inside.append(float(box.std((1, 2)).norm()))
            border.append(float(box[:, :1].std((1, 2)).norm()))
    assert sum(inside) > 1.2 * sum(border)
    labels = drawn.labels[..., 4][drawn.labels[..., 4] >= 0]
    assert set(labels.int().tolist()) == set(range(len(OTHERS)))


def test_every_category_split_and_seed_has_scenes_of_its_own() -> None:
    sets = [scenes("cat", count=4), scenes("dog", count=4), scenes("base", count=4)]
    sets += [scenes("cat", "test", count=4), scenes("cat", seed=1, count=4)]
    assert len({each.images.numpy().tobytes() for each in sets}) == 5
    assert torch.equal(scenes("cat", count=4).images, sets[0].images)
    with pytest.raises(DataError, match="no category 'bear'"):
        scenes("bear")
