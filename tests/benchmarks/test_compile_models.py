"""Compiled models of libraries beside an expert's, on as little as shows that it measures what it says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from benchmarks import compile_models as bench
from benchmarks.cli import main
from benchmarks.compile import COMPILE
from benchmarks.compile_models import QUICK, Effort
from benchmarks.expert import FORMATS, fastest, folded, one_model
from benchmarks.library import MODELS, RESNET, SHARED, VIT, Known, awake, fine_tuned
from legonet.errors import ExportError
from legonet.teachers.tracing.trace import trace


def _norms(module: nn.Module) -> int:
    return sum(isinstance(each, nn.BatchNorm2d) for each in module.modules())


class Pair(nn.Module):
    """A convolution and its norm, which torch.fx cannot trace."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        if images.mean() > 100:
            return images
        return self.norm(self.conv(images))


@pytest.mark.parametrize("make", [Pair, torchvision.models.resnet18])
def test_an_experts_network_has_no_norm_and_computes_the_same(make: type[nn.Module]) -> None:
    model, images = awake(make(), 64), torch.rand(2, 3, 64, 64)
    assert _norms(folded(model)) == 0 < _norms(model)
    with torch.no_grad():
        torch.testing.assert_close(folded(model)(images), model(images), rtol=1e-3, atol=1e-4)


def test_an_expert_takes_the_faster_order_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for ratio, order in ((0.9, 1), (1.1, 0)):
        monkeypatch.setattr("benchmarks.expert.ratio", lambda *given, ratio=ratio: ratio)
        chosen = fastest(lambda order: lambda images: order, torch.rand(1))
        assert chosen(torch.rand(1)) == FORMATS[order]


def test_every_model_of_timm_is_an_experts_without_norms() -> None:
    pytest.importorskip("timm")
    known = next(each for each in MODELS if each.name == "EfficientNet-Lite0")
    model, images = known.build(64), torch.rand(1, 3, 64, 64)
    assert _norms(folded(model)) == 0
    for order in FORMATS:
        found, wanted = one_model(model)(order)(images), model(images)
        assert isinstance(found, Tensor)
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))


@pytest.mark.parametrize("known", MODELS, ids=lambda each: each.name)
def test_outputs_follow_the_image(known: Known) -> None:
    if known.make.__qualname__.startswith("_timm"):
        pytest.importorskip("timm")
    model, images = known.build(64), torch.rand(1, 3, 64, 64)
    bright, dark = model(images), model(images / 5)
    assert float((bright - dark).abs().mean()) > 0.02 * float(bright.abs().mean())


def test_a_model_is_always_the_same_and_its_branches_add_something() -> None:
    convnext = next(each for each in MODELS if each.name == "ConvNeXt-T")
    first, again = convnext.build(32), convnext.build(32)
    scales = [each for name, each in first.named_parameters() if name.endswith("layer_scale")]
    assert scales
    assert min(float(each.abs().max()) for each in scales) > 0.1
    assert all(map(torch.equal, first.parameters(), again.parameters()))


@pytest.mark.parametrize("shared", SHARED, ids=lambda each: each.known.name)
def test_parts_by_hand_are_the_model(shared: bench.Shared) -> None:
    if shared.known is VIT:
        pytest.importorskip("timm")
    base, images = shared.known.build(32), torch.rand(1, 3, 32, 32)
    tuned = fine_tuned(base, shared.tuned, 1)
    stem, _, head = shared.parts(base)
    _, tail, _ = shared.parts(tuned)
    torch.testing.assert_close(head(tail(stem(images))), tuned(images))
    assert not torch.equal(tuned(images), base(images))


def test_the_rows_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench, "exports", lambda *given: iter(()))
    monkeypatch.setattr("benchmarks.expert.TRIALS", 1)
    graph = cache(lambda shape: trace(RESNET.build(32), shape))  # all three parts take in this architecture
    monkeypatch.setattr(bench, "trace", lambda model, shape: graph(shape))
    said: list[str] = []
    figures = bench.run_models(Effort(side=32, batches=(1, 2), repeats=1), "resnet-18", said.append)
    assert [figure.target for figure in figures] == [1.0, 0.9, 1.0, 0.9, 1.03, 1.8, 1.0]
    assert [figure.bound for figure in figures] == ["at most"] * 5 + ["at least"] * 2
    assert all("ResNet-18" in figure.measure and "of 32x32" in figure.measure for figure in figures)
    assert all(figure.value > 0 for figure in figures)
    assert len(said) == 3


def test_what_does_not_compute_the_same_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(model: nn.Module) -> object:
        return lambda order: lambda images: model(images) * 1.01

    monkeypatch.setattr(bench, "one_model", wrong)
    with pytest.raises(AssertionError, match="not close"):
        list(bench.one_path(RESNET, Effort(side=32, batches=(1,), repeats=3)))


class Small(nn.Module):
    """A residual block and a score."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.head((images + self.norm(self.conv(images)).relu()).mean((2, 3)))


def test_exports_are_rows_and_a_refused_one_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Known("Small", lambda side: Small(), "relu", folds=True)
    halves = bench.Halves.of(small.build(8), "mean", (3, 8, 8))
    effort = Effort(side=8)
    app = bench.compiled({"c": halves.f(small.build(8))}, {}, {"t": halves.g(small.build(8))}, effort)
    monkeypatch.setattr(bench, "FORMATS", {"plain Python": "app"})
    (figure,) = bench.exports("Small", app, effort, print)
    assert figure.met
    assert figure.measure == "Small, plain Python: largest difference, batches of 1, 3, 8"

    def refuse(*given: object) -> None:
        raise ExportError("app: its outputs differ")

    said: list[str] = []
    monkeypatch.setattr(bench, "export", refuse)
    (figure,) = bench.exports("Small", app, effort, said.append)
    assert (figure.value, figure.met) == (1.0, False)
    assert said == ["Small: app: its outputs differ"]


def test_the_command_keeps_what_it_does_not_measure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(effort: Effort, only: str, say: object) -> list[bench.Figure]:
        assert effort == QUICK
        return [bench.at_most(f"{only}: time", 0.5, "x", 1.0)]

    monkeypatch.setattr(bench, "run_models", run)
    for name in ("one", "other"):
        assert main(["compile", "--quick", "--only", name, "--results", str(tmp_path)]) == 0
        assert f"{name}: time" in capsys.readouterr().out
    figures = json.loads((tmp_path / COMPILE).read_text())["figures"]
    assert [each["measure"] for each in figures] == ["one: time", "other: time"]
