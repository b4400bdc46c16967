from __future__ import annotations

import torch

from legonet.distill.synthesis.sampling import draw_gradient, draw_masks


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_gradients_are_ones_or_uniform() -> None:
    assert torch.equal(draw_gradient(2, (3,), "ones", generator()), torch.ones(2, 3))
    uniform = draw_gradient(1000, (4,), "uniform", generator())
    assert uniform.min() >= -1
    assert uniform.max() <= 1
    assert abs(float(uniform.mean())) < 0.05
    assert torch.equal(uniform, draw_gradient(1000, (4,), "uniform", generator()))


def test_masks_pass_as_often_as_asked() -> None:
    maps, vector = draw_masks(500, [(2, 4, 4), (8,)], 0.2, generator())
    assert maps.shape == (500, 2, 4, 4)
    assert vector.shape == (500, 8)
    assert set(maps.unique().tolist()) == {0.0, 1.0}
    assert abs(float(maps.mean()) - 0.2) < 0.02


def test_masks_follow_recorded_frequencies() -> None:
    often = torch.tensor([0.0, 1.0, 0.5])
    (mask,) = draw_masks(2000, [(3,)], [often], generator())
    assert mask[:, 0].sum() == 0
    assert mask[:, 1].sum() == 2000
    assert abs(float(mask[:, 2].mean()) - 0.5) < 0.05


def test_channels_can_share_one_mask() -> None:
    maps, vector = draw_masks(3, [(5, 4, 4), (6,)], 0.5, generator(), shared_channels=True)
    assert maps.shape == (3, 1, 4, 4)
    assert vector.shape == (3, 6)
