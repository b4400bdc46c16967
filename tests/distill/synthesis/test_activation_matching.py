from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from legonet.distill.fitting.context import Edge
from legonet.distill.synthesis.activation_matching import ActivationMismatch
from legonet.distill.synthesis.from_statistics import synthesise
from legonet.ir.interpreter import GraphModule
from legonet.ir.observe import observed
from legonet.teachers.statistics import Statistics, record
from tests.distill.conftest import chain


def smooth_images(count: int) -> torch.Tensor:
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, size=(16, 16), mode="bilinear")


def match(features: torch.Tensor, teacher: GraphModule, statistics: Statistics) -> torch.Tensor:
    """Move features along the mismatch, as images are moved; see `legonet.distill.synthesis.inversion`."""
    mismatch, moved = ActivationMismatch(features, teacher, statistics), features.clone().requires_grad_()
    optimiser = torch.optim.Adam([moved], lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        mismatch(moved.relu()).backward()
        optimiser.step()
    return moved.detach().relu()


def distance(teacher: GraphModule, features: torch.Tensor, statistics: Statistics) -> float:
    """How far the units' activities are from the recorded ones, counted hard."""
    recorded, total = iter(statistics.activity), 0.0

    def see(units: torch.Tensor) -> None:
        nonlocal total
        total += float(((units > 0).float().mean(0) - next(recorded)).square().mean())

    with torch.no_grad():
        observed(teacher, features, see)
    return total


def test_units_and_outputs_become_as_recorded(edge: Edge) -> None:
    statistics = record(edge.category_module, edge.teacher_module, [smooth_images(400)], 10**5)
    drawn = torch.rand(128, *edge.source, generator=torch.Generator().manual_seed(0))
    moved = match(drawn, edge.teacher_module, statistics)
    assert distance(edge.teacher_module, moved, statistics) < distance(edge.teacher_module, drawn, statistics)
    with torch.no_grad():
        before, after = edge.teacher_module(drawn), edge.teacher_module(moved)
    recorded = torch.cat([statistics.output_mean, statistics.output_std])
    assert (_moments(after) - recorded).abs().max() < 0.5 * (_moments(before) - recorded).abs().max()


def _moments(output: torch.Tensor) -> torch.Tensor:
    return torch.stack([output.mean(), output.std(correction=0)])


def test_features_stay_features(edge: Edge) -> None:
    statistics = record(edge.category_module, edge.teacher_module, [smooth_images(100)], 10**5)
    drawn = synthesise(statistics, 32, torch.Generator().manual_seed(0))
    moved = match(drawn, edge.teacher_module, statistics)
    assert moved.shape == drawn.shape
    assert moved.min() >= 0
    assert torch.equal(moved, match(drawn, edge.teacher_module, statistics))
    torch.testing.assert_close(moved.mean((0, 2, 3)), statistics.mean.mean((1, 2)), rtol=0.3, atol=0.05)


def test_the_moments_of_maps_move_nothing(edge: Edge) -> None:
    torch.manual_seed(0)
    teacher = chain(nn.Conv2d(4, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 1))
    statistics = record(edge.category_module, teacher, [smooth_images(100)], 10**5)
    drawn = torch.rand(16, *statistics.mean.shape, generator=torch.Generator().manual_seed(0))
    moved = match(drawn, teacher, statistics)
    assert distance(teacher, moved, statistics) < distance(teacher, drawn, statistics)
    others = replace(statistics, output_mean=statistics.output_mean + 1)
    assert torch.equal(match(drawn, teacher, others), moved)
