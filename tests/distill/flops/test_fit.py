"""The estimate is near what torch counts while it fits."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from legonet.blocks.adapter_layers import adapter_layers
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Samples, fit
from legonet.distill.fitting.stitching import fit_stitched
from legonet.distill.flops.closed_form import closed_form_operations
from legonet.distill.flops.fit import Joined, fit_operations
from legonet.errors import DistillError
from legonet.graph.schema import Adapter, Input
from legonet.ir.interpreter import GraphModule
from legonet.ir.sizes import size_of
from legonet.teachers.statistics import record
from tests.distill.conftest import chain


class Counted(TorchDispatchMode):
    """What is computed, also by gradients of gradients, which torch's own counter refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output, kwargs = function(*args, **(kwargs or {})), kwargs or {}
        packet = function._overloadpacket
        packet = torch.ops.aten.addmm if packet is torch.ops.aten.addmm_ else packet
        if packet in flop_registry:
            self.operations += flop_registry[packet](*args, **kwargs, out_val=output)
        return output


METHODS: list[dict[str, Any]] = [
    {"name": "auto", "steps": 12, "imagined": 16},
    {"name": "closed-form", "draws": 64, "matching": 8},
    {"name": "closed-form", "draws": 64, "matching": 8, "masks": "imagined"},
    {"name": "back-distillation", "steps": 12},
    {"name": "ordinary", "steps": 12},
    {"name": "distillation", "steps": 12},
    {"name": "jacobian", "steps": 12},
    {"name": "inversion", "steps": 12, "images": 16},
    {"name": "inversion", "steps": 12, "images": 16, "weight": 0},
]


@pytest.fixture
def known(edge: Edge) -> Edge:
    images = torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(7))
    own = record(edge.category_module, edge.teacher_module, [images], 10**6)
    return replace(edge, statistics=own, generic_statistics=own, input=Input(shape=(3, 16, 16)))


def patched(monkeypatch: pytest.MonkeyPatch, part: str, name: str, value: int) -> None:
    """Of the fit, and of its estimate."""
    for module in (f"legonet.distill.fitting.{part}", f"legonet.distill.flops.{part}"):
        monkeypatch.setattr(f"{module}.{name}", value)


def count_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """One refinement, however good the start is, and nothing foretold that torch does not count."""
    monkeypatch.setattr("legonet.methods.auto.EXACT", 0.0)
    monkeypatch.setattr("legonet.methods.auto.TRIES", 1)
    monkeypatch.setattr("legonet.distill.flops.synthesis.VALUE", 0)  # sorting


def given() -> Samples:
    images = torch.rand(24, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return Samples(images, torch.arange(24) % 2)


def joined(edge: Edge, own: GraphModule | None = None) -> Joined:
    f = size_of(edge.category_module.graph, (3, 16, 16))
    below = None if own is None else size_of(own.graph, (3, 16, 16))
    student, teacher = (
        size_of(module.graph, edge.source) for module in (edge.task_module, edge.teacher_module)
    )
    return Joined(f, student, teacher, edge.target, below, statistics=edge.statistics is not None)


def test_the_closed_form_grows_with_draws_and_channels() -> None:
    def count(channels: int, draws: int, windows: tuple[int, int] = (1, 1)) -> int:
        shape = (channels, 8, 8)
        return closed_form_operations(
            adapter_layers(Adapter(), shape, shape), shape, 10**6, draws, {*windows}
        )

    solving = 36**3 // 3 + 2 * 36**2 * 4
    assert count(4, 40) - solving == 2 * (count(4, 20) - solving)
    pulled = 25 * 10**6 + 5 * 2 * 36 * 4 * 64
    assert 3 < (count(64, 20) - pulled) / (count(32, 20) - pulled) < 5
    # one value for each window of four: a quarter of the rows
    assert (count(4, 20) - pulled - solving) == 4 * (count(4, 20, (2, 2)) - pulled - solving)
    assert count(4, 20, (1, 2)) == count(4, 20)


def test_windows_are_of_no_use_to_an_adapter_that_resamples() -> None:
    layers = adapter_layers(Adapter(), (4, 8, 8), (4, 6, 6))
    assert closed_form_operations(layers, (4, 8, 8), 0, 20, {2}) == closed_form_operations(
        layers, (4, 8, 8), 0, 20, {1}
    )


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method["name"])
def test_a_fit(known: Edge, method: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    count_all(monkeypatch)
    spec = Adapter.model_validate({"kernel": 3, "method": method})
    with Counted() as counter:
        fit(known, spec, given())
    estimate = fit_operations(joined(known), spec, 24, True)
    assert estimate == pytest.approx(counter.operations, rel=0.15)


def test_starts_of_large_modules_are_compared_on_few_features(
    known: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_all(monkeypatch)
    spec = Adapter.model_validate({"kernel": 3, "method": {**METHODS[0], "imagined": 400}})
    every = fit_operations(joined(known), spec, 0, False)
    monkeypatch.setattr("legonet.distill.flops.refinement.COMPARING", 1)
    monkeypatch.setattr("legonet.distill.flops.refinement.STARTING", 8)  # of 80
    with Counted() as counter:
        fit(known, spec, None)
    estimate = fit_operations(joined(known), spec, 0, False)
    assert estimate < 0.9 * every
    assert estimate == pytest.approx(counter.operations, rel=0.1)


def test_a_fit_between_architectures_descends_longer_and_solves_nothing(
    known: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_all(monkeypatch)
    images = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(7))
    other = chain(nn.Conv2d(4, 12, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 64, 1))
    own = record(known.category_module, other, [images], 10**6)
    strangers = replace(known, teacher_module=other, statistics=own)
    spec = Adapter.model_validate({"kernel": 3, "method": METHODS[0]})
    with Counted() as counter:
        fit(strangers, spec, given())
    estimate = fit_operations(joined(strangers), spec, 24, True)
    assert estimate == pytest.approx(counter.operations, rel=0.15)


@pytest.mark.parametrize("common", [True, False], ids=["in common", "nothing in common"])
@pytest.mark.parametrize("method", METHODS[:2], ids=["auto", "closed-form"])
def test_a_fit_between_strangers_of_one_architecture(
    known: Edge, method: dict[str, Any], common: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether they learn longer is found out in the fit; what is foretold is within two times of both."""
    count_all(monkeypatch)
    monkeypatch.setattr("legonet.distill.fitting.initialisation.STRANGERS", 0.9 if common else 0.5)
    generator = torch.Generator().manual_seed(11)
    other = copy.deepcopy(known.teacher_module)
    for each in other.parameters():
        each.data.copy_(torch.randn(each.shape, generator=generator) * each.abs().mean())
    images = torch.rand(64, 3, 16, 16, generator=generator)
    strangers = replace(
        known, teacher_module=other, statistics=record(known.category_module, other, [images], 10**6)
    )
    settings = method | ({"steps": 60} if "steps" in method else {})
    spec = Adapter.model_validate({"kernel": 3, "method": settings})
    with Counted() as counter:
        fit(strangers, spec, given())
    estimate = fit_operations(joined(strangers)._replace(strangers=True), spec, 24, True)
    assert 0.5 < estimate / counter.operations < 2


def test_matching_at_the_image(known: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    patched(monkeypatch, "stitching", "STEPS", 20)
    monkeypatch.setattr("legonet.distill.flops.synthesis.VALUE", 0)
    patched(monkeypatch, "stitching", "SYNTHESISED", 48)
    patched(monkeypatch, "stitching", "JOINED", 128)
    own = chain(nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
    spec = Adapter.model_validate({"kernel": 3, "method": METHODS[3]})
    with Counted() as counter:
        fit_stitched(known, own, spec, given())
    estimate = fit_operations(joined(known, own), spec, 24, True)
    assert estimate == pytest.approx(counter.operations, rel=0.35)


def test_a_bridge_of_vectors_is_refused(known: Edge) -> None:
    own = chain(nn.Conv2d(3, 4, 8, 8), nn.Flatten())
    with pytest.raises(
        DistillError, match=r"\(4, 8, 8\), the teacher's own \(16,\); expected feature maps .*teacher add"
    ):
        fit_stitched(known, own, Adapter(), given())
