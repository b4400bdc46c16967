import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from legonet.data import animals
from legonet.data.animals import CATEGORIES, OTHERS
from legonet.data.silhouettes import SPLITS, silhouettes
from legonet.errors import DataError


@pytest.mark.parametrize("split", SPLITS)
def test_shapes_types_and_ranges(split):
    images, labels, masks = animals.single_category("horse", split)
    count = {"train": 1600, "validation": 400, "test": 1000}[split]
    assert images.shape == (count, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.shape == (count,)
    assert labels.dtype == torch.int64
    assert masks.shape == (count, 1, 32, 32)
    assert masks.dtype == torch.bool
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std() > 0.15


def test_the_same_seed_gives_the_same_bytes_and_another_another():
    first, again, other = (animals.single_category("cat", seed=seed, count=50) for seed in (3, 3, 4))
    for part, same in zip(first, again, strict=True):
        assert part.numpy().tobytes() == same.numpy().tobytes()
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_every_even_number_of_first_images_is_balanced(count):
    labels = animals.single_category("dog", count=100).labels[:count]
    assert labels.sum() == (count + 1) // 2


def test_all_categories_share_the_negatives():
    sets = [animals.single_category(category, count=60) for category in CATEGORIES]
    for one in sets:
        assert torch.equal(one.images[one.labels == 0], sets[0].images[sets[0].labels == 0])
    assert not torch.equal(sets[0].images[::2], sets[1].images[::2])


def test_the_splits_are_composed_anew():
    train, test = (animals.single_category("cat", split, count=20) for split in ("train", "test"))
    assert not torch.equal(train.images[1::2], test.images[1::2])


def test_half_of_the_negatives_are_plain_backgrounds(monkeypatch):
    seen = []
    compose = animals._compose
    monkeypatch.setattr(animals, "_compose", lambda *given: seen.append(given[1]) or compose(*given))
    animals.single_category("cat", count=400)
    positives, negatives = seen
    assert (positives == animals.ANIMALS.index("cat")).all()
    assert (negatives == -1).sum() == 100
    for name in OTHERS:
        assert (negatives == animals.ANIMALS.index(name)).sum() == 20


def test_a_plain_background_has_as_much_contrast_as_an_animal():
    found = animals.base(count=600)
    spread = found.images.flatten(2).std(2).mean(1)
    plain, animal = (spread[mask].median() for mask in (found.labels == 5, found.labels < 5))
    assert 0.85 < plain / animal < 1.2


@pytest.mark.parametrize("split", SPLITS)
def test_masks_are_the_silhouettes_of_the_split(split):
    """Undo flip and shift: every mask is nearly one of the split's own silhouettes, and of no other."""
    found = animals.single_category("cow", split, count=24)
    assert not found.masks[found.labels == 0].any()
    pools = {name: silhouettes("cow", name) > 127 for name in SPLITS}
    best = {name: [best_overlap(mask[0], pool) for mask in found.masks[::2]] for name, pool in pools.items()}
    assert min(best[split]) > 0.75
    assert np.mean(best[split]) > 0.85
    for other in set(SPLITS) - {split}:
        assert np.mean(best[other]) < np.mean(best[split]) - 0.05


def best_overlap(mask: Tensor, pool: np.ndarray) -> float:
    """Largest Jaccard index of a 32x32 mask with any silhouette, over flips and shifts."""
    placed = torch.zeros((len(pool), 32, 32))
    placed[:, 2:30, 2:30] = torch.from_numpy(pool.astype(np.float32))
    steps = [(down, right) for down in range(-4, 5) for right in range(-4, 5)]
    moved = torch.stack([torch.roll(each, step, (0, 1)) for each in (mask, mask.flip(1)) for step in steps])
    ones, others = moved.flatten(1).float(), placed.flatten(1)
    shared = ones @ others.T
    return (shared / (ones.sum(1, keepdim=True) + others.sum(1) - shared)).max().item()


def test_the_animal_stands_out_from_its_background():
    found = animals.single_category("sheep", count=200)
    shown, where = found.images[::2], found.masks[::2].float()
    inside = (shown * where).sum((2, 3)) / where.sum((2, 3))
    outside = (shown * (1 - where)).sum((2, 3)) / (1 - where).sum((2, 3))
    assert (inside - outside).norm(dim=1).quantile(0.05) > 0.15


@pytest.mark.parametrize("size", [16, 32, 64, 96])
def test_one_seed_gives_one_scene_at_any_size(size):
    reference = animals.single_category("cat", count=12, size=32)
    found = animals.single_category("cat", count=12, size=size)
    assert found.images.shape == (12, 3, size, size)
    assert found.masks.shape == (12, 1, size, size)
    assert torch.equal(found.labels, reference.labels)
    coarse = [functional.interpolate(part, (8, 8), mode="area") for part in (found.images, reference.images)]
    assert (coarse[0] - coarse[1]).abs().mean() < 0.02
    areas = [part.masks[::2].float().mean((1, 2, 3)) for part in (found, reference)]
    assert torch.allclose(areas[0], areas[1], atol=0.03)


def test_the_base_set_has_the_other_animals_and_backgrounds_equally_often():
    found = animals.base(count=600)
    assert found.labels.bincount().tolist() == [100] * (len(OTHERS) + 1)
    assert not found.masks[found.labels == len(OTHERS)].any()
    assert (found.masks[found.labels < len(OTHERS)].flatten(1).sum(1) > 10).all()


def test_no_category_is_in_the_base():
    assert not set(CATEGORIES) & set(OTHERS)


def test_each_silhouette_is_drawn_before_one_is_drawn_twice():
    pool = silhouettes("cat", "validation")
    kinds = np.full(len(pool), animals.ANIMALS.index("cat"))
    drawn = animals.draw(np.random.default_rng(0), kinds, "validation")
    assert len(np.unique(drawn.reshape(len(pool), -1), axis=0)) == len(
        np.unique(pool.reshape(len(pool), -1), axis=0)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"category": "bear"}, "animals: no category 'bear'; expected one of cat, cow, dog, horse, sheep"),
        ({"split": "val"}, "animals: no split 'val'; expected one of train, validation, test"),
        ({"seed": -1}, "animals: found the seed -1; expected 0 or more"),
        ({"size": 4}, "animals: found the size 4; expected 8 to 1024 pixels"),
        ({"size": 5000}, "animals: found the size 5000; expected 8 to 1024 pixels"),
        ({"count": 0}, "animals: found the count 0; expected 1 or more images"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(DataError, match=message):
        animals.single_category(**{"category": "cat", **arguments})


def linear_error(train: Tensor, labels: Tensor, test: Tensor, truth: Tensor, decay: float) -> float:
    """Error of logistic regression with L2 penalty, fitted to the optimum."""
    mean, std = train.mean(0), train.std(0) + 1e-6
    weight = torch.zeros(train.shape[1] + 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        scores = ((train - mean) / std) @ weight[:-1] + weight[-1]
        loss = functional.binary_cross_entropy_with_logits(scores, labels.float())
        loss = loss + decay * weight[:-1].square().sum() / 2
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[arg-type]
    with torch.no_grad():
        scores = ((test - mean) / std) @ weight[:-1] + weight[-1]
    return ((scores > 0) != (truth > 0)).float().mean().item()


def pixels(images: Tensor) -> Tensor:
    return images.flatten(1)


def colour_statistics(images: Tensor) -> Tensor:
    """Mean and spread of each channel, and a histogram of 16 bins of each."""
    bins = (images * 15.999).long().flatten(2)
    histogram = functional.one_hot(bins, 16).float().mean(2).flatten(1)
    return torch.cat([images.mean((2, 3)), images.std((2, 3)), histogram], 1)


@pytest.mark.parametrize("features", [pixels, colour_statistics])
@pytest.mark.parametrize(
    "category", ["cat", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dog", "sheep"))]
)
def test_a_linear_model_fails(category, features):
    train = animals.single_category(category)
    held_out = animals.single_category(category, "validation")
    errors = [
        linear_error(features(train.images), train.labels, features(held_out.images), held_out.labels, decay)
        for decay in (0.1, 1.0)
    ]
    assert min(errors) > 0.3
