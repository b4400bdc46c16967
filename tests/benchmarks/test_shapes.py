from __future__ import annotations

import torch

from benchmarks.shapes import SHAPES, SIDE, Row, _distance, shapes, table


def test_images_show_shapes_half_of_them_the_one_that_is_wanted() -> None:
    images, kinds = shapes(60, 0, "disc")
    assert images.shape == (60, 3, SIDE, SIDE)
    assert 0 <= float(images.min()) < float(images.max()) <= 1
    assert 0.3 < float((kinds == SHAPES.index("disc")).float().mean()) < 0.7
    assert set(kinds.tolist()) == set(range(len(SHAPES)))
    again, _ = shapes(60, 0, "disc")
    assert torch.equal(images, again)


def test_points_lie_in_their_shapes() -> None:
    at = torch.tensor([0.0, 0.75, 5.0]), torch.zeros(3)
    inside = {shape: (_distance(shape, *at) < 0).tolist() for shape in SHAPES}
    assert inside["ring"] == [False, True, False]
    assert inside["disc"] == inside["square"] == inside["cross"] == [True, True, False]
    assert inside["triangle"] == [True, False, False]


def test_table() -> None:
    row = Row("positives only", 0, 1.0, 0.955, 0.95, (0.9, 0.8, 0.97), True, 12.0)
    assert "| positives only | 0 | 100.0 % | 95.5 % | 95.0 %, 90 % (80 to 97) | yes | 12 |" in table([row])
