from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import speed
from benchmarks.cli import main
from benchmarks.experiments import Trial
from benchmarks.rig import Rig, animals_rig
from benchmarks.speed import (
    SPEED,
    Speed,
    against_back_distillation,
    against_double_backward,
    at_paper_width,
    costs_in_channels,
    costs_in_draws,
    random_edge,
)
from benchmarks.targets import Figure
from legonet.distill.fitting.fit import fit
from legonet.graph.schema import Adapter


def test_back_distillation_is_timed_beside_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "TARGETS", ("cat",))
    found = list(against_back_distillation(animals_rig("validation"), steps=20))
    closed, back, ratio, errors = found
    assert (closed.unit, back.unit) == ("s", "s")
    assert ratio.value == pytest.approx(back.value / closed.value)
    assert (ratio.target, ratio.bound) == (100, "at least")
    assert errors.value < 15  # the closed form; twenty steps are worth nothing
    assert errors.target is not None
    assert errors.target > 15
    assert errors.met


def test_both_gradients_of_the_pseudo_gradient_loss_are_the_same(rig: Rig) -> None:
    found = against_double_backward(rig.edge(Trial("2", "", "", "cat")), batch=4, repeats=3)
    assert found.value > 1  # it raises where the losses differ


def test_modules_at_the_papers_width_have_a_common_base() -> None:
    edge = random_edge("vgg-slim", "pool1")
    assert edge.source == (16, 16, 16)
    spec = Adapter.model_validate({"method": {"name": "closed-form", "matching": 0, "draws": 32}})
    assert 0.05 < fit(edge, spec).quality["residual"] < 0.8


def test_a_process_of_its_own_tells_its_peak() -> None:
    seconds, peak = at_paper_width(1, "vgg-slim", "pool1", draws=4)
    assert 0 < seconds.value < 60
    assert 0.1 < peak.value < 4
    assert (seconds.target, peak.target) == (60, 4)


def test_costs_grow() -> None:
    draws = costs_in_draws(8, (8, 64))
    assert [(each.varied, each.draws, each.channels) for each in draws] == [
        ("draws", 8, 8),
        ("draws", 64, 8),
    ]
    channels = costs_in_channels((4, 64), 16)
    for few, many in (draws, channels):
        assert few.operations < many.operations
        assert 0 < few.seconds < many.seconds


def test_the_command_writes_what_it_prints(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = Figure("times as fast", 123.0, "x", 100.0, True, bound="at least")
    asked: list[tuple[str, int, int | None]] = []

    def run(split: str, steps: int, threads: int | None, say: object) -> Speed:
        asked.append((split, steps, threads))
        return Speed([figure], [], torch.get_num_threads(), 1e9, 5e8)

    monkeypatch.setattr(speed, "run_speed", run)
    arguments = ["speed", "--steps", "7", "--split", "validation", "--results", str(tmp_path)]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [figure.data()]
    written = json.loads((tmp_path / SPEED).read_text())
    assert written["figures"] == [figure.data()]
    assert written["matmul_float32"] == 1e9
    assert main(arguments) == 0
    assert "times as fast    123  x  at least 100  met" in capsys.readouterr().out
    assert asked == [("validation", 7, None)] * 2
