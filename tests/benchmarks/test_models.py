"""A slice of `python -m benchmarks models`."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks import models
from benchmarks.architectures import TIMM, Raw, list_models
from benchmarks.bounded import StoppedError, bounded
from benchmarks.models import (
    FORMATS,
    Outcome,
    awake,
    measure,
    pullback_error,
    read_outcomes,
    run_models,
    smallest_first,
    write_outcomes,
)
from benchmarks.models_table import write_table
from legonet.ir.interpreter import build_graph
from legonet.ops.table import ROWS
from legonet.teachers.tracing.export import export


@pytest.mark.slow  # one of timm is tried below
@pytest.mark.parametrize("name", ["torchvision:squeezenet1_1", "torchvision:mnasnet0_5"])
def test_a_slice(name: str) -> None:
    outcome = measure("classification", name)
    assert outcome.passed, outcome.reason
    assert len(set(outcome.cuts)) == 3


@pytest.mark.usefixtures("exports_once")
@pytest.mark.parametrize("name", ["timm:lcnet_050"])
def test_a_slice_of_timm(name: str) -> None:
    pytest.importorskip("timm")
    outcome = measure("timm", name)
    assert outcome.passed, outcome.reason


class Asleep(nn.Module):
    """As libraries begin them: a branch and a head of zeros, with attention that has a fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 16, 16), nn.Linear(8, 2)
        self.tokens = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.tokens.linear2.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.tokens(self.stem(x).flatten(2).transpose(1, 2)).mean(1))


@pytest.mark.usefixtures("exports_once")
def test_weights_that_begin_at_zero_hide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = awake(Asleep())
    assert all(bool(parameter.any()) for parameter in model.parameters())
    monkeypatch.setattr(models, "build", lambda group, name: model)
    outcome = measure("timm", "timm:asleep")
    assert outcome.passed, outcome.reason


class Branches(nn.Module):
    """Two branches from the first to the last."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x).relu() + self.b(x)


def test_a_model_without_a_place_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "build", lambda group, name: Branches())
    outcome = measure("timm", "timm:branches")
    assert outcome.reason == "it has no place that a single tensor crosses, nor one of several maps"
    assert not outcome.passed


def test_the_list() -> None:
    groups = [group for group, _ in list_models()]
    assert groups.count("classification") > 70
    assert groups.count("segmentation") == 6
    assert len(set(TIMM)) == len(TIMM) >= 120
    assert groups.count("heads") == groups.count("detection") == 12


def test_each_family_comes_first_with_its_first_member() -> None:
    names = ["resnet18", "resnet34", "vgg11", "resnet50", "vgg13", "swin_t"]
    pairs = [("classification", f"torchvision:{name}") for name in names]
    found = [name.partition(":")[2] for _, name in smallest_first(pairs)]
    assert found == ["resnet18", "vgg11", "swin_t", "resnet34", "resnet50", "vgg13"]


class Detector(nn.Module):
    """Heads give lists, or tensors by name; both are joined for each image."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = Levels(), head


class Levels(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"0": x, "1": x[..., ::2, ::2]}


class Head(nn.Module):
    def __init__(self, named: bool) -> None:
        super().__init__()
        self.named = named

    def forward(self, maps: list[Tensor]) -> object:
        if self.named:
            return {"scores": maps[0].flatten(2), "boxes": maps[1].flatten(2)}
        return [each[:, :1] for each in maps], [each[:, 1:] for each in maps]


@pytest.mark.parametrize("named", [True, False])
def test_what_a_detector_gives_before_boxes_are_chosen(named: bool) -> None:
    assert Raw(Detector(Head(named)))(torch.rand(2, 3, 4, 4)).shape == (2, 3 * (16 + 4))


def test_outcomes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = [("timm", "timm:none"), ("timm", "other:none")]
    monkeypatch.setattr(models, "list_models", lambda groups=(): named)
    monkeypatch.setattr(models, "tried", models.measure)
    told: list[str] = []
    outcomes = run_models(tmp_path / "m.jsonl", told=lambda outcome: told.append(outcome.name))
    assert told == ["timm:none", "other:none"]
    assert not any(outcome.passed for outcome in outcomes)
    assert read_outcomes(tmp_path / "m.jsonl") == outcomes
    monkeypatch.setattr(models, "tried", None)
    assert run_models(tmp_path / "m.jsonl") == outcomes
    assert "| timm | 2 | 0 of 2 | 0 of 2 | 0 of 2 | 0 of 2 | 0 of 2 |" in write_table(outcomes)
    whole = Outcome(
        "timm:none", "timm", same=True, pulled=True, compiled=0.0, exports=dict.fromkeys(FORMATS, 0.0)
    )
    monkeypatch.setattr(models, "tried", lambda group, name: whole if name == "timm:none" else outcomes[1])
    assert run_models(tmp_path / "m.jsonl", again=True) == [whole, outcomes[1]]
    assert write_outcomes(tmp_path / "m.jsonl") == [whole, outcomes[1]]
    assert len((tmp_path / "m.jsonl").read_text().splitlines()) == 2
    assert whole.passed
    assert not replace(whole, compiled=1e-3).passed
    assert not replace(whole, exports={"onnx": "refused"}).passed


def spin(seconds: float) -> float:
    while time.process_time() < seconds:
        pass
    return seconds


def room(size: int) -> int:
    return len(bytearray(size))


def test_a_process_of_its_own_has_limits() -> None:
    assert bounded(spin, 0.0, seconds=100, memory=2**36) == 0.0
    with pytest.raises(StoppedError, match="more than 1 s"):
        bounded(spin, 1000.0, seconds=1, memory=2**36)
    with pytest.raises(StoppedError, match="without an answer"):
        bounded(room, 2**37, seconds=100, memory=2**36)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).relu()
        return y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True))) + x


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = Net()
    module = build_graph(export(net, (4, 8, 8)).graph)
    module.load_state_dict(net.state_dict())
    assert pullback_error(module, (4, 8, 8)) < 1e-5
    wrong = replace(ROWS["conv2d"], pull=lambda call, gradient: [2 * gradient])  # type: ignore[operator, list-item]
    monkeypatch.setitem(ROWS, "conv2d", wrong)
    assert pullback_error(module, (4, 8, 8)) > 1e-3
