"""How fast the machine is, before anything has run."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import legonet
from legonet.cli.measure import measured
from legonet.graph.lock import Lock, lock_path
from legonet.run import pace
from legonet.run.measure import measure
from legonet.run.project import Project
from legonet.store.workspace import STATE_FOLDER, Workspace


def parts(network: legonet.Network) -> tuple[Project, Lock]:
    return network.project(), network.lock


@pytest.fixture
def fresh(graph_file: Path) -> Path:
    lock_path(graph_file).unlink()
    shutil.rmtree(Workspace.find(graph_file).root / STATE_FOLDER)
    return graph_file


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are run, in this process."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        said = json.dumps(measure(*parts(legonet.load(command[-1])), 0.0)._asdict())
        return subprocess.CompletedProcess(command, 0, f"a library's greeting\n{said}\n".encode())

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_steps_through_the_modules_are_counted_and_timed(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count()  # one that no other work on the machine delays
    monkeypatch.setattr("legonet.run.measure.time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    network = legonet.load(fresh)
    once, seconds, begin = measure(*parts(network), 0.0)
    assert once > 0
    assert seconds > 0
    assert begin > 0
    least = 5 * seconds
    more, longer, _ = measure(*parts(network), least)
    assert more > once
    assert longer >= least
    assert not network.store.path("a" * 64).parent.parent.exists(), "nothing is kept"  # type: ignore[attr-defined]


def test_a_plan_is_in_seconds_from_the_first(
    fresh: Path,
    children: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from legonet.cli import main

    assert main(["plan", str(fresh)]) == 0
    assert "the first of them will tell" in capsys.readouterr().out
    assert not children, "the jobs are shorter than measuring"
    monkeypatch.setattr("legonet.run.pace.WORTH", 1)
    for _ in range(2):
        assert main(["plan", str(fresh), "--json"]) == 0
        edges = json.loads(capsys.readouterr().out)["edges"]
        costs = [edge["cost"] for edge in edges if edge["cost"]]
        assert costs
        known = pace.read_pace(Workspace.find(fresh))
        assert known is not None
        for cost in costs:
            steps = cost["operations"] * known.took / known.operations
            assert cost["seconds"] == pytest.approx(known.seconds + steps)
            assert cost["basis"] == "at the pace of a second's measurement on this machine"
    assert [command[-3:-1] for command in children] == [["-m", "legonet.cli.measure"]], "once"


def test_a_plan_in_python_is_in_seconds_when_it_is_looked_at(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def short(project: Project, lock: Lock) -> Any:
        asked.append(0.0)
        return measure(project, lock, 0.0)

    monkeypatch.setattr("legonet.run.pace.WORTH", 1)
    monkeypatch.setattr("legonet.run.measure.measure", short)
    network = legonet.load(fresh)
    plan = network.plan()
    assert not asked, "nobody has looked"
    assert "how long" not in str(plan).lower()
    assert re.search(r"add +\S+ +about [\d.]+ m?s", str(plan)), str(plan)
    assert "on this machine" in network.plan()._repr_html_()
    assert len(asked) == 1
    assert "measurement" in network.plan().jobs[0].cost.basis  # type: ignore[union-attr]
    assert pace.read_pace(Workspace.find(fresh)) is not None


def test_a_transformers_pace_is_measured_too() -> None:
    """Whose attention has no gradient of a gradient on a processor."""

    class Tokens(nn.Module):
        def __init__(self, seed: int) -> None:
            super().__init__()
            torch.manual_seed(seed)
            self.patches = nn.Conv2d(3, 8, 4, 4)
            self.head = nn.Linear(8, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            tokens = self.patches(images).flatten(2).transpose(1, 2)
            heads = tokens.unflatten(2, (2, 4)).transpose(1, 2)
            seen = nn.functional.scaled_dot_product_attention(heads, heads, heads)
            return self.head(seen.transpose(1, 2).flatten(2).mean(1))

    network = legonet.Network("zoo", (3, 8, 8))
    for seed, category in enumerate(("dog", "cat")):
        network.add_teacher(category, Tokens(seed).eval(), category=category, task="see", cut="patches")
    once, seconds, _ = measure(*parts(network), 0.0)
    assert once > 0
    assert seconds > 0


def test_what_has_run_says_more(fresh: Path) -> None:
    pace.keep_pace(Workspace.find(fresh), 10**9, 1.0, 0.1)
    network = legonet.load(fresh)
    (first, *rest) = network.plan().jobs
    assert first.cost is not None
    assert "measurement" in first.cost.basis
    options = legonet.RunOptions(only=(first.path,))
    network.transplant(options=options)
    assert all("at the pace of 1 by" in edge.cost.basis for edge in network.plan().jobs if edge.cost)
    assert rest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 10_000,
        '{"machine": NaN, "seconds": 1e999}',
        '{"machine": "another", "seconds": 1, "operations": 5}',
        '{"machine": 3}',
    ],
)
def test_another_machines_is_not_used(fresh: Path, text: str) -> None:
    file = Workspace.find(fresh).found_out("pace.json")
    assert file is not None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    assert pace.read_pace(Workspace.find(fresh)) is None


def test_a_measurement_that_fails_is_no_reason_not_to_plan(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("measure", 1)

    monkeypatch.setattr(subprocess, "run", fail)
    monkeypatch.setattr("legonet.run.pace.WORTH", 1)
    assert not measured(legonet.load(fresh).plan(), fresh)
    assert pace.read_pace(Workspace.find(fresh)) is None
