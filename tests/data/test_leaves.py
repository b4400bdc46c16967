from __future__ import annotations

import torch

from legonet.data.leaves import leaves_images


def draw(count: int, shape: tuple[int, int, int] = (3, 32, 32), seed: int = 0) -> torch.Tensor:
    return leaves_images(count, shape, torch.Generator().manual_seed(seed))


def test_shape_range_and_seed() -> None:
    images = draw(6, (4, 20, 36))
    assert images.shape == (6, 4, 20, 36)
    assert 0 <= float(images.min()) < float(images.max()) <= 1
    assert torch.equal(images, draw(6, (4, 20, 36)))
    assert not torch.equal(images, draw(6, (4, 20, 36), seed=1))


def test_they_are_images_and_not_noise() -> None:
    """Neighbours are alike, yet there are edges: differences have far heavier tails than a Gaussian's."""
    images = draw(200)
    steps = images.diff(dim=-1)
    assert steps.std() < 0.6 * images.std()
    kurtosis = (steps / steps.std()).pow(4).mean()
    assert kurtosis > 6


def test_large_images_are_drawn_small_and_enlarged() -> None:
    images = draw(3, (3, 96, 160))
    assert images.shape == (3, 3, 96, 160)
    assert images.diff(dim=-1).std() < 0.4 * images.std()
    assert images[:, :, :, 1:].std() > 0.1


def test_no_image_is_like_another() -> None:
    flat = draw(50).flatten(1)
    flat = flat - flat.mean(0)
    likeness = torch.nn.functional.cosine_similarity(flat[:, None], flat[None], dim=2)
    assert (likeness - torch.eye(50)).abs().mean() < 0.3
