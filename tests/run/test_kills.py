"""Killed anywhere, a run goes on and ends with the bytes of one that nothing disturbed.

A child process counts what it does to the workspace (files opened to be written, renamed, removed, folders
made, files synced, rows written to the journal) and kills itself before the n-th of these, or tears the file
that it is writing. Its jobs are made up: what they give follows from their keys; or real descents that leave
their state after each step.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import legonet
from legonet.distill.fitting import checkpoint
from legonet.run.execute import execute
from tests.run.faults import Counter, contents, copy, expect_unharmed, points, run

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_a_slice_of_all_points(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    number = points(copy(fresh, tmp_path / "counted"))
    assert number > 40
    for place in range(1, number, 12):
        graph = copy(fresh, tmp_path / "killed")
        assert run(graph, Counter(graph.parents[1], place, random.Random(place))) == -signal.SIGKILL
        expect_unharmed(graph, undisturbed, place)


@pytest.fixture(scope="module")
def long(make_model: Callable[..., nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph whose two jobs are real descents of some steps."""
    network = legonet.Network("zoo", (3, 8, 8))
    method = {"name": "back-distillation", "steps": 12, "batch": 2}
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": method})
    for seed, category in enumerate(("cat", "dog", "cow")):
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
    return network.save(tmp_path_factory.mktemp("long") / "graphs" / "zoo.yaml")


def fit_really(graph: Path, watch: Callable[[], None] | None = None) -> int:
    """Run in a child that leaves the state of a descent after each step."""

    def prepare() -> None:
        torch.set_num_threads(1)  # those of the parent are not there after a fork
        checkpoint.EVERY = 0.0
        if watch is not None:
            watch()

    return run(graph, prepare, execute)


def expect_descents_unharmed(long: Path, folder: Path, chance: random.Random, kills: int) -> None:
    """Kill a run so many times, then let it end; its bytes are those of an undisturbed one."""
    whole = copy(long, folder / "whole")
    assert fit_really(whole) == 0
    graph, killed = copy(long, folder / "killed"), 0
    for _ in range(kills):
        torn = random.Random(chance.random())
        killed += fit_really(graph, Counter(graph.parents[1], chance.randint(20, 90), torn)) < 0
    assert killed > 0  # the later ones may find little left to do
    assert fit_really(graph) == 0
    assert contents(graph) == contents(whole)
    assert faults(graph, "*-1.safetensors") == []  # of jobs that are done


def test_descents_go_on(long: Path, tmp_path: Path) -> None:
    expect_descents_unharmed(long, tmp_path, random.Random(5), 3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_descents_go_on_from_anywhere(long: Path, tmp_path: Path, seed: int) -> None:
    expect_descents_unharmed(long, tmp_path, random.Random(seed), 5)


@pytest.mark.slow
@pytest.mark.parametrize("torn", [False, True])
def test_every_point(fresh: Path, undisturbed: Path, tmp_path: Path, torn: bool) -> None:
    number = points(copy(fresh, tmp_path / "counted"))
    for place in range(1, number):
        graph = copy(fresh, tmp_path / "killed")
        watch = Counter(graph.parents[1], place, random.Random(place) if torn else None)
        assert run(graph, watch) == -signal.SIGKILL
        expect_unharmed(graph, undisturbed, place)
    print(f"killed at each of {number - 1} points, torn: {torn}")


@pytest.mark.slow
def test_again_and_again(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    """Several kills in one history; seed and number are printed."""
    kills, begin = 0, time.time_ns() % 10**9
    for seed in range(begin, begin + 60):
        chance = random.Random(seed)
        print(f"seed {seed}", end=" ")
        graph = copy(fresh, tmp_path / "killed")
        for _ in range(3):
            kills += run(graph, Counter(graph.parents[1], chance.randint(1, 60), chance)) < 0
        expect_unharmed(graph, undisturbed, seed)
    print(f"{kills} kills")
    assert kills > 60


def faults(graph: Path, name: str) -> Sequence[Path]:
    return list((graph.parents[1] / ".legonet").rglob(name))


def test_what_a_kill_leaves_behind_is_named_by_gc(fresh: Path, tmp_path: Path) -> None:
    from legonet.store.gc import find_orphans
    from legonet.store.workspace import Workspace

    graph = copy(fresh, tmp_path / "killed")
    for place in range(8, 30, 5):
        run(graph, Counter(graph.parents[1], place))
    left = faults(graph, "*.tmp")
    found = find_orphans(Workspace(graph.parents[1]), age=0).files
    assert {file for file in left if file.parents[1].name == "blobs"} <= set(found)
