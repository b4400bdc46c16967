from __future__ import annotations

import torch

from legonet.data.leaves import leaves_images
from legonet.distill.fitting.context import Edge, features_of
from legonet.distill.synthesis.activation_matching import ActivationMismatch
from legonet.distill.synthesis.inversion import invert
from legonet.graph.schema import Input
from legonet.teachers.statistics import Statistics, record
from tests.distill.conftest import category_module

GIVEN = Input(shape=(3, 16, 16), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def drawn(count: int, seed: int = 0) -> torch.Tensor:
    """Leaves as f takes them."""
    images = leaves_images(count, GIVEN.shape, torch.Generator().manual_seed(seed))
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (GIVEN.mean, GIVEN.std))
    return (images - mean) / std


def recorded(edge: Edge) -> Statistics:
    images = 0.5 * drawn(300, 9)  # of less contrast than leaves have
    return record(edge.category_module, edge.teacher_module, [images], 10**5)


def test_images_become_familiar_to_the_teacher(edge: Edge) -> None:
    statistics = recorded(edge)
    images = invert(edge.category_module, edge.teacher_module, GIVEN, statistics, 64, generator())
    before = features_of(edge.category_module, drawn(64))
    activation_mismatch = ActivationMismatch(before, edge.teacher_module, statistics)
    with torch.no_grad():
        after = activation_mismatch(features_of(edge.category_module, images))
        assert after < 0.5 * activation_mismatch(before)


def test_images_stay_images(edge: Edge) -> None:
    images = invert(edge.category_module, edge.teacher_module, GIVEN, recorded(edge), 32, generator())
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (GIVEN.mean, GIVEN.std))
    raw = images * std + mean
    assert images.shape == (32, 3, 16, 16)
    assert raw.min() >= -1e-6
    assert raw.max() <= 1 + 1e-6
    assert not images.requires_grad
    again = invert(edge.category_module, edge.teacher_module, GIVEN, recorded(edge), 32, generator())
    assert torch.equal(images, again)


def test_without_statistics_they_stay_as_drawn(edge: Edge) -> None:
    images = invert(edge.category_module, edge.teacher_module, GIVEN, None, 8, generator())
    torch.testing.assert_close(images, drawn(8))


def test_a_module_beside_sees_what_f_sees(edge: Edge) -> None:
    other, statistics = category_module(4), recorded(edge)
    alone, both = (
        invert(edge.category_module, edge.teacher_module, GIVEN, statistics, 64, generator(), beside=beside)
        for beside in (None, other)
    )
    before = [features_of(module, drawn(64)) for module in (edge.category_module, other)]
    activation_mismatch = ActivationMismatch(before[0], edge.teacher_module, statistics)
    with torch.no_grad():
        assert activation_mismatch(features_of(edge.category_module, both)) < 0.7 * activation_mismatch(
            before[0]
        )
        assert activation_mismatch(features_of(other, both)) < 0.7 * activation_mismatch(before[1])
        assert activation_mismatch(features_of(other, both)) < 0.7 * activation_mismatch(
            features_of(other, alone)
        )
