from __future__ import annotations

import copy
import dataclasses
from typing import Literal

import pytest
import torch
from torch import nn

from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Samples, fit
from legonet.errors import DataError, DistillError
from legonet.graph.schema import Adapter
from legonet.methods.auto import Auto
from legonet.methods.back_distillation import BackDistillation
from legonet.methods.closed_form import ClosedForm
from legonet.teachers.statistics import record
from tests.distill.conftest import chain, layers_of


def agreement(edge: Edge, adapter: nn.Module, images: torch.Tensor) -> float:
    """Mean distance of student and teacher, in units of the teacher's spread."""
    with torch.no_grad():
        x = edge.category_module(images)
        wanted = edge.teacher_module(x)
        return float((edge.task_module(adapter(x)) - wanted).abs().mean() / wanted.std())


def with_statistics(edge: Edge) -> Edge:
    images = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(7))
    own = record(edge.category_module, edge.teacher_module, [images], 10**6)
    generic = record(edge.category_module, edge.task_module, [images], 10**6)
    return dataclasses.replace(edge, statistics=own, generic_statistics=generic)


def modules_of(edge: Edge) -> list[nn.Module]:
    return [edge.category_module, edge.task_module, edge.teacher_module]


SHORT = [
    Auto(name="auto", steps=5, imagined=20),
    ClosedForm(name="closed-form", matching=5),
    BackDistillation(name="back-distillation", steps=5),
]


@pytest.mark.parametrize("settings", SHORT, ids=lambda settings: settings.name)
def test_frozen_modules_are_bit_identical_after_a_fit(
    edge: Edge, settings: Auto | ClosedForm | BackDistillation
) -> None:
    edge = with_statistics(edge)
    before = [copy.deepcopy(module.state_dict()) for module in modules_of(edge)]
    fit(edge, Adapter(kernel=1, method=settings))
    for module, state in zip(modules_of(edge), before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())
        assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("settings", SHORT, ids=lambda settings: settings.name)
def test_same_seed_same_bytes_and_another_seed_others(
    edge: Edge, settings: Auto | ClosedForm | BackDistillation
) -> None:
    edge = with_statistics(edge)
    torch.manual_seed(1)
    first = fit(edge, Adapter(method=settings, seed=4)).adapter.state_dict()
    torch.manual_seed(2)  # what the program did before must not matter
    again = fit(edge, Adapter(method=settings, seed=4)).adapter.state_dict()
    other = fit(edge, Adapter(method=settings, seed=5)).adapter.state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in first.items())


def test_a_fit_leaves_the_random_state_of_the_program_alone(edge: Edge) -> None:
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    fit(edge, Adapter(kernel=1))
    assert torch.equal(torch.rand(3), expected)


def test_whatever_the_method_an_agreement_is_expected(edge: Edge) -> None:
    known, given = with_statistics(edge), Samples(torch.rand(50, 3, 16, 16))
    for settings in SHORT:
        quality = fit(known, Adapter(method=settings), given).quality
        assert 0 < quality["agreement from"] < quality["agreement"] < quality["agreement to"] < 1
    assert (
        "agreement" not in fit(edge, Adapter(method="closed-form")).quality
    )  # there is nothing to compare on
    labelled = Samples(given.images, torch.ones(50))
    assert (
        "agreement" not in fit(known, Adapter(method="ordinary"), labelled).quality
    )  # nothing to compare with


def test_closed_form_needs_no_image(edge: Edge) -> None:
    images = torch.rand(50, 3, 16, 16)
    fitted = fit(with_statistics(edge), Adapter(kernel=3, method="closed-form"))
    assert agreement(edge, fitted.adapter, images) < 0.01
    assert fitted.quality["residual"] < 1e-4
    assert fitted.quality["mismatch"] < 1e-4
    assert fitted.quality["agreement"] > 0.95
    assert all("negative alone" in note for note in fitted.notes)


@pytest.mark.parametrize("method", ["auto", "closed-form"])
def test_without_statistics_and_images_it_says_what_is_lacking(
    edge: Edge, method: Literal["auto", "closed-form"]
) -> None:
    fitted = fit(edge, Adapter(kernel=3, method=method))
    notes = "\n".join(fitted.notes)
    assert "(beta is 1): the generic task module's teacher has no statistics" in notes
    assert "which units pass is drawn at random (keep = 0.5)" in notes
    assert "the output's offset is not set" in notes
    assert set(fitted.quality) == {"residual"}


def test_a_few_images_stand_in_for_statistics(edge: Edge) -> None:
    images = torch.rand(12, 3, 16, 16)
    fitted = fit(edge, Adapter(kernel=3, method="closed-form"), Samples(images))
    assert "mismatch" in fitted.quality
    assert not any("offset" in note for note in fitted.notes)


def test_back_distillation_approaches_the_teacher(edge: Edge) -> None:
    settings = BackDistillation(name="back-distillation", steps=400, learning_rate=1e-2)
    fitted = fit(edge, Adapter(kernel=1, activation="none", rescale=False, method=settings))
    short = fit(edge, Adapter(kernel=1, method=BackDistillation(name="back-distillation", steps=1)))
    assert fitted.quality["residual"] < 0.2 < short.quality["residual"]


@pytest.mark.parametrize(
    "settings",
    [
        {"gradient": "ones"},
        {"enlarge": 3},
        {"relu": "identity"},
        {"relu": "lowest-masked", "channels": "shared", "keep": 0.2},
    ],
)
def test_every_variant_of_the_paper_lowers_its_loss(edge: Edge, settings: dict[str, object]) -> None:
    losses: list[float] = []
    method = BackDistillation(name="back-distillation", steps=150, learning_rate=1e-2, **settings)  # type: ignore[arg-type]
    fit(edge, Adapter(kernel=1, method=method), progress=lambda step, steps, loss, *_: losses.append(loss))
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])


def test_labelled_samples_add_the_task_loss(edge: Edge) -> None:
    images, labels = torch.rand(10, 3, 16, 16), torch.arange(10) % 2
    settings = BackDistillation(name="back-distillation", steps=5)
    spec = Adapter(kernel=1, method=settings)
    with_loss = fit(edge, spec, Samples(images, labels)).adapter.state_dict()
    without = fit(edge, spec, Samples(images)).adapter.state_dict()
    off = spec.model_copy(update={"method": settings.model_copy(update={"task_loss": False})})
    switched_off = fit(edge, off, Samples(images, labels)).adapter.state_dict()
    assert not torch.equal(with_loss["conv1.bias"], without["conv1.bias"])
    assert torch.equal(without["conv1.weight"], switched_off["conv1.weight"])


def test_labels_of_another_shape_are_refused(edge: Edge) -> None:
    settings = BackDistillation(name="back-distillation", steps=1)
    with pytest.raises(DataError, match="labels: shape"):
        fit(edge, Adapter(method=settings), Samples(torch.rand(4, 3, 16, 16), torch.zeros(4, 2)))


@pytest.mark.parametrize("field", ["statistics", "generic_statistics"])
def test_statistics_of_another_cut_are_refused(edge: Edge, field: str) -> None:
    lower = chain(nn.Conv2d(3, 4, 3, padding=1))
    upper = chain(nn.ReLU(), nn.MaxPool2d(2), *layers_of(edge.teacher_module))
    other = record(lower, upper, [torch.rand(8, 3, 16, 16)], 10**6)
    with pytest.raises(
        DistillError, match=r"cat:classify: the statistics of .* run `legonet teacher record`"
    ):
        fit(dataclasses.replace(edge, **{field: other}), Adapter(kernel=1))


def test_back_distillation_refuses_task_modules_of_different_shape(edge: Edge) -> None:
    other = chain(nn.Flatten(), nn.Linear(4 * 8 * 8, 1))
    with pytest.raises(DistillError, match="cat:classify: the generic task module and the teacher's differ"):
        fit(dataclasses.replace(edge, teacher_module=other), Adapter(method="back-distillation"))
