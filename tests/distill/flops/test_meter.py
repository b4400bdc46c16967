"""How far a fit is, told while it runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import fit
from legonet.distill.fitting.stitching import fit_stitched
from legonet.distill.flops.meter import Meter
from legonet.distill.flops.refinement import tries_expected
from legonet.graph.schema import Adapter, Input
from legonet.teachers.statistics import record
from tests.distill.conftest import chain


@pytest.fixture
def known(edge: Edge) -> Edge:
    images = torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(7))
    own = record(edge.category_module, edge.teacher_module, [images], 10**6)
    return replace(edge, statistics=own, generic_statistics=own, input=Input(shape=(3, 16, 16)))


def parts(run: Any) -> list[float]:
    """What a fit tells of itself."""
    told: list[float] = []

    def progress(step: int, steps: int, loss: float, doing: str = "", part: float | None = None) -> None:
        assert part is not None
        told.append(part)

    run(progress)
    return told


@pytest.mark.parametrize(
    "method",
    [
        {"name": "auto", "steps": 12, "imagined": 16},
        {"name": "closed-form", "draws": 64, "matching": 8},
        {"name": "inversion", "steps": 12, "images": 16},
        {"name": "back-distillation", "steps": 12},
    ],
    ids=lambda method: method["name"],
)
def test_a_fit_tells_what_part_is_done(
    known: Edge, method: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legonet.methods.auto.EXACT", 0.0)  # refined however good it is
    monkeypatch.setattr("legonet.methods.auto.TRIES", 1)
    spec = Adapter.model_validate({"kernel": 3, "method": method})
    monkeypatch.setattr("legonet.distill.flops.work.ESTIMATED", 8)
    told = parts(lambda progress: fit(known, spec, progress=progress))
    assert told[0] < 0.3
    assert told == sorted(told)
    assert 0.3 < told[-1] < 1, "the agreement is estimated at the end"


def test_another_try_is_told_as_such(known: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = iter((1.0, 2.0, 2.0, 2.0))  # the start is the best
    monkeypatch.setattr("legonet.distill.fitting.refinement.Refinement.judge", lambda _: next(judged))
    spec = Adapter.model_validate({"kernel": 3, "method": {"name": "auto", "steps": 12, "imagined": 16}})
    told = parts(lambda progress: fit(known, spec, progress=progress))[-36:]
    tries = told[:12], told[12:24], told[24:]
    step = tries[0][1] - tries[0][0]
    for number, each in enumerate(tries):
        assert each[1] - each[0] == pytest.approx(step), "of one size"
        more = tries_expected(3 - number) - 1
        assert 1 - each[-1] >= 12 * step * more, "so many more are expected"
    assert tries[0][-1] < tries[1][-1] < tries[2][-1] < 1


def test_no_further_try_is_counted_once_a_refinement_is_ahead(
    known: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legonet.methods.auto.EXACT", -9.0)
    spec = Adapter.model_validate({"kernel": 3, "method": {"name": "auto", "steps": 40, "imagined": 16}})

    def told(start: float) -> tuple[list[float], list[str]]:
        """The parts done at each step of the one refinement, and what was said in it."""
        judged = iter((start, start - 1))
        monkeypatch.setattr("legonet.distill.fitting.refinement.Refinement.judge", lambda _: next(judged))
        steps: list[float] = []
        words: list[str] = []

        def progress(step: int, steps_: int, loss: float, doing: str = "", part: float | None = None) -> None:
            steps.append(part or 0.0) if step else words.append(doing)

        fit(known, spec, progress=progress)
        return steps[-40:], [each for each in words if "no further try" in each]

    (ahead, said), (behind, silent) = told(100.0), told(-1.0)  # no loss is above the one, or below the other
    step, more = behind[1] - behind[0], tries_expected(3) - 1
    assert ahead[:7] == pytest.approx(behind[:7]), "a few steps tell nothing"
    assert [now - then for then, now in pairwise(ahead) if now - then > 2 * step] == [
        pytest.approx((1 + 40 * more) * step, rel=0.1)
    ], "all at once"
    assert ahead[-1] - behind[-1] == pytest.approx(40 * more * step, rel=0.1)
    assert (len(said), silent) == (1, [])


def test_a_fit_on_a_bridge_tells_it_too(known: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("fitting", "flops"):
        monkeypatch.setattr(f"legonet.distill.{part}.stitching.STEPS", 20)
        monkeypatch.setattr(f"legonet.distill.{part}.stitching.SYNTHESISED", 48)
        monkeypatch.setattr(f"legonet.distill.{part}.stitching.JOINED", 128)
    own = chain(nn.Conv2d(3, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2))
    spec = Adapter.model_validate(
        {"kernel": 3, "method": {"name": "closed-form", "draws": 32, "matching": 8}}
    )
    told = parts(lambda progress: fit_stitched(known, own, spec, progress=progress))
    assert told == sorted(told)
    assert told[0] < 0.3
    assert told[-1] == pytest.approx(1)


def test_without_counts_nothing_is_told() -> None:
    meter = Meter()
    assert meter.part(0.5) is None
    meter.begin(3, 4)
    assert meter.part(0.5) is None
