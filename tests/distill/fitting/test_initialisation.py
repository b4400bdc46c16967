"""A common base is seen, restored where the units were only reordered, and missed where there is none."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn

from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Samples, fit
from legonet.errors import DistillError
from legonet.graph.schema import Adapter
from legonet.ir.interpreter import GraphModule
from legonet.methods.auto import Auto
from legonet.methods.closed_form import ClosedForm
from legonet.teachers.statistics import record
from tests.distill.conftest import chain

SPEC = Adapter(kernel=1, method=ClosedForm(name="closed-form", matching=0))


def with_teacher(edge: Edge, teacher: GraphModule, source: tuple[int, ...] | None = None) -> Edge:
    return dataclasses.replace(edge, teacher_module=teacher, source=source or edge.source)


def with_statistics(edge: Edge) -> Edge:
    images = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(7))
    own = record(edge.category_module, edge.teacher_module, [images], 10**6)
    generic = record(edge.category_module, edge.task_module, [images], 10**6)
    return dataclasses.replace(edge, statistics=own, generic_statistics=generic)


def reordered(module: GraphModule) -> GraphModule:
    """The same function, its two hidden linear layers' units in another order."""
    result = copy.deepcopy(module)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    channels = torch.tensor([4, 2, 0, 5, 1, 3])
    with torch.no_grad():
        for lower, upper, units in (("7", "10", order), ("0", "3", channels)):
            for own in (result.tensor(f"{lower}.weight"), result.tensor(f"{lower}.bias")):
                own.copy_(own[units].clone())
            above = result.tensor(f"{upper}.weight")
            above.copy_(above[:, units].clone())
    return result


def strangers(edge: Edge) -> Edge:
    """Task modules of one architecture with weights of their own."""
    torch.manual_seed(11)
    other = copy.deepcopy(edge.teacher_module)
    for name, tensor in other.named_parameters():
        if name.endswith("weight"):
            nn.init.normal_(tensor, std=0.3)
    return with_teacher(edge, other)


def another_architecture(edge: Edge) -> Edge:
    torch.manual_seed(12)
    other = chain(nn.Conv2d(4, 5, 3), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(20, 1))
    return with_teacher(edge, other)


def test_one_base_needs_nothing_more(edge: Edge) -> None:
    fitted = fit(with_statistics(edge), SPEC)
    assert fitted.quality["residual"] < 1e-4
    assert all("negative alone" in note for note in fitted.notes)


@pytest.mark.parametrize("recorded", [True, False])
def test_reordered_units_are_put_back(edge: Edge, recorded: bool) -> None:
    moved = with_teacher(edge, reordered(edge.teacher_module))
    x = torch.rand(5, 4, 8, 8)
    torch.testing.assert_close(moved.teacher_module(x), edge.teacher_module(x))
    fitted = fit(with_statistics(moved) if recorded else moved, SPEC)
    assert fitted.quality["residual"] < 1e-4
    torch.testing.assert_close(
        edge.task_module(fitted.adapter(x)), edge.teacher_module(x), rtol=1e-3, atol=1e-4
    )
    assert any("cat:classify: the teacher's hidden units were reordered" in note for note in fitted.notes)
    assert not any("no common base" in note for note in fitted.notes)


def test_masks_of_synthesised_features(edge: Edge) -> None:
    """They need statistics, f's input or images; units that were reordered are followed."""
    spec = Adapter(kernel=1, method=ClosedForm(name="closed-form", matching=0, masks="imagined"))
    fitted = fit(with_statistics(with_teacher(edge, reordered(edge.teacher_module))), spec)
    assert fitted.quality["residual"] < 1e-4
    assert fit(edge, spec, Samples(torch.rand(12, 3, 16, 16))).notes == [
        "cat:classify: the features keep their scale (beta is 1): the generic task module's teacher has no "
        "statistics; run `legonet teacher record`"
    ]
    assert any("which units pass is drawn at random (keep = 0.5)" in note for note in fit(edge, spec).notes)


def test_where_only_pseudo_gradients_differ_it_starts_from_the_identity(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a deep task module they may, though the weights are alike."""
    monkeypatch.setattr("legonet.distill.fitting.initialisation.STRANGERS", 0.0)
    monkeypatch.setattr(
        "legonet.distill.fitting.initialisation.align", lambda *_: pytest.fail("the units correspond already")
    )
    alike = with_teacher(edge, copy.deepcopy(edge.teacher_module))
    with torch.no_grad():
        alike.teacher_module.tensor("10.weight").mul_(1.1)
    fitted = fit(
        with_statistics(alike), Adapter(kernel=3, activation="none", method=Auto(name="auto", steps=1))
    )
    assert any("though their weights are alike" in note for note in fitted.notes)
    assert not any("no common base" in note for note in fitted.notes)
    middle = fitted.adapter.tensor("conv1.weight")[:, :, 1, 1]
    torch.testing.assert_close(middle, torch.eye(4), atol=0.02, rtol=0)


@pytest.mark.parametrize("make", [strangers, another_architecture])
def test_strangers_are_named_and_learn_from_outputs(edge: Edge, make: object) -> None:
    apart = with_statistics(make(edge))  # type: ignore[operator]
    before = copy.deepcopy(apart.teacher_module.state_dict())
    spec = Adapter(kernel=3, depth=2, hidden=8, method=ClosedForm(name="closed-form", matching=25))
    fitted = fit(apart, spec)
    assert any("cat:classify: no common base" in note for note in fitted.notes)
    assert fitted.quality.get("residual", 1) > 0.8
    untrained = fit(
        apart, Adapter(kernel=3, depth=2, hidden=8, method=ClosedForm(name="closed-form", matching=1))
    )
    assert fitted.quality["mismatch"] < 0.7 * untrained.quality["mismatch"]
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in apart.teacher_module.state_dict().items()
    )


def test_images_stand_in_for_statistics_among_strangers(edge: Edge) -> None:
    spec = Adapter(kernel=3, method=ClosedForm(name="closed-form", matching=5))
    fitted = fit(another_architecture(edge), spec, Samples(torch.rand(12, 3, 16, 16)))
    assert "mismatch" in fitted.quality
    assert "residual" not in fitted.quality


def test_outputs_of_another_shape_are_refused(edge: Edge) -> None:
    other = chain(nn.Flatten(), nn.Linear(256, 3))
    with pytest.raises(DistillError, match=r"gives outputs of shape \(1,\), the teacher's \(3,\)"):
        fit(with_teacher(edge, other), Adapter())
