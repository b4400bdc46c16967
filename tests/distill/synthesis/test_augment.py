from __future__ import annotations

import dataclasses

import pytest
import torch

from legonet.distill.fitting.context import Context, features_of
from legonet.distill.synthesis.augment import augmented_features, cutmix, transformed


def test_the_first_features_are_those_of_the_images(context: Context) -> None:
    images = torch.rand(10, 3, 16, 16)
    features = augmented_features(context, images)
    assert features.shape == (160, 4, 8, 8)
    own = features_of(context.category_module, images)
    torch.testing.assert_close(features[:10], own)
    assert all(not torch.allclose(copy, own) for copy in features[10:].split(10))


def test_many_images_have_no_copies(context: Context) -> None:
    images = torch.rand(6500, 3, 16, 16)
    assert len(augmented_features(context, images)) == 6500
    assert len(augmented_features(context, images[:1600])) == 6400


def test_large_features_have_fewer_copies(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.distill.flops.synthesis.MEMORY", 4 * 4 * 8 * 8 * 35)  # 35 features
    assert len(augmented_features(context, torch.rand(10, 3, 16, 16))) == 30
    assert len(augmented_features(context, torch.rand(40, 3, 16, 16))) == 40


def test_the_same_seed_gives_the_same_copies(context: Context) -> None:
    images = torch.rand(3, 3, 16, 16)
    again = dataclasses.replace(context, generator=torch.Generator().manual_seed(0))
    assert torch.equal(augmented_features(context, images), augmented_features(again, images))


def test_cutmix_joins_two_along_a_line() -> None:
    ones, twos, shares = torch.ones(2, 3, 8, 6), torch.full((2, 3, 8, 6), 2.0), set()
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        joined = cutmix(ones, twos, generator)
        down, across = joined[0, 0, :, 0], joined[0, 0, 0, :]
        assert torch.equal(joined, joined[:1, :1].expand_as(joined))
        assert (down.diff() >= 0).all()
        assert (across.diff() >= 0).all()
        assert (down == down[0]).all() or (across == across[0]).all()
        shares.add(int((joined[0, 0] == 1).sum()))
    assert shares == {6 * each for each in range(1, 9)} | {8 * each for each in range(1, 7)}


def test_cutmix_of_single_cells_keeps_the_first() -> None:
    first, second = torch.rand(4, 5, 1, 1), torch.rand(4, 5, 1, 1)
    assert torch.equal(cutmix(first, second, torch.Generator().manual_seed(0)), first)


def test_a_transformed_image_shows_the_same_elsewhere() -> None:
    images = torch.zeros(64, 3, 32, 32)
    images[:, :, 12:20, 4:10] = 1.0  # left of the middle
    changed = transformed(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    levels = changed - changed.amin((2, 3), keepdim=True)
    weights = levels.sum(1).flatten(1)
    column = (weights * torch.arange(32).repeat(32)).sum(1) / weights.sum(1)
    mirrored = column > 16
    assert 0.3 < float(mirrored.float().mean()) < 0.7
    assert float((column[~mirrored] - 6.5).abs().max()) < 10
    assert float(column.std()) > 1
    again = transformed(images, torch.Generator().manual_seed(0))
    assert torch.equal(changed, again)
    assert not torch.allclose(changed[0], changed[1], atol=0.1)


def test_gradients_pass_a_transformation() -> None:
    images = torch.rand(4, 3, 16, 16, requires_grad=True)
    transformed(images, torch.Generator().manual_seed(0)).sum().backward()
    assert images.grad is not None
    assert (images.grad != 0).flatten(1).float().mean() > 0.9
