"""`plan -o`, `transplant` with its options, and `gc`, on a network whose adapters take milliseconds."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import legonet
from legonet.distill.fitting.finetune import Judgement
from legonet.graph.lock import lock_path, read_lock
from legonet.network import Network
from legonet.run.executors import inline
from legonet.run.finetune import Tuned
from legonet.store.gc import named
from legonet.store.locks import RunLock
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

Run = Callable[..., Any]
METHOD = {"name": "closed-form", "draws": 2, "matching": 0}
JOBS = ["dog:classify", "cow:classify"]


@pytest.fixture(scope="module")
def saved(make_model: Callable[..., nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": METHOD})
    for seed, category in enumerate(("cat", "dog", "cow")):
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
    return network.save(tmp_path_factory.mktemp("saved") / "graphs" / "zoo.yaml").parents[1]


@pytest.fixture
def graph(saved: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(saved, tmp_path / "zoo")) / "graphs" / "zoo.yaml"


def test_a_plan_is_carried_out_once_agreed(run: Run, graph: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    outcome = run("plan", graph, "-o", plan)
    summary, command = outcome.out.splitlines()[-2:]
    assert re.fullmatch(
        r"2 to add; about [\d.]+ [kM]FLOP\. How long that takes on this machine, the first of them will "
        r"tell\.",
        summary,
    )
    assert command == f"Run: legonet transplant {plan}"
    assert run("transplant", plan).out.splitlines()[-1] == "2 fitted."
    assert run("transplant", plan).out == "Nothing to do.\n"
    lines = run("plan", graph).out.splitlines()
    assert lines[-1].startswith("Nothing to do")


def test_another_world_is_refused(run: Run, graph: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    run("plan", graph, "-o", plan)
    graph.write_text(graph.read_text().replace("draws: 2", "draws: 3"))
    for command in (("transplant", plan), ("transplant", plan, "--dry-run")):
        outcome = run(*command)
        assert outcome.status == 1
        assert "has changed since it was planned" in outcome.err
        assert outcome.err.count("\n  ") == 2
    assert not read_lock(lock_path(graph)).adapters


def test_estimates_and_hashes(run: Run, graph: Path) -> None:
    drawn = graph.with_suffix(".dot")
    assert run("render", graph, "--plan", "-o", drawn).status == 0
    assert "add, about GFLOP" in drawn.read_text()
    run("transplant", graph)
    graph.write_text(graph.read_text().replace("draws: 2", "draws: 3"))
    outcome = run("plan", graph)
    assert "2 to refit; about " in outcome.out
    edge = json.loads(run("plan", graph, "--json").out)["edges"][1]
    assert edge["cost"]["basis"] == "as it took last, for other settings"
    assert [change["input"] for change in edge["changes"]] == ["method"]
    assert run("render", graph, "--plan", "-o", drawn).status == 0
    assert "refit, about s" in drawn.read_text()
    assert "scale, conv" in drawn.read_text()


def test_what_is_chosen(run: Run, graph: Path) -> None:
    lines = run("transplant", graph, "--dry-run", "--first", "cow:*").out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["[1/2] cow", "[2/2] dog"]
    jobs = json.loads(run("transplant", graph, "--dry-run", "--first", "cow:*", "--json").out)["jobs"]
    assert [(job["path"], job["action"]) for job in jobs] == [(path, "add") for path in reversed(JOBS)]
    refused = run("transplant", graph, "--executor", "inline", "--time-limit", "1h")
    assert (refused.status, "executor: found inline, which keeps no limit" in refused.err) == (1, True)
    outcome = run("transplant", graph, "--only", "cow:*")
    assert outcome.out.splitlines()[-2:] == ["1 still planned: dog:classify", "1 fitted."]
    outcome = run("transplant", graph, "--budget", "0.000001s")
    assert outcome.out.splitlines()[-2:] == ["1 still planned: dog:classify", "0 fitted."]
    assert list(read_lock(lock_path(graph)).adapters) == ["cow:classify"]


def test_progress_for_machines(run: Run, graph: Path) -> None:
    lines = [json.loads(line) for line in run("transplant", graph, "--progress", "json").out.splitlines()]
    told = [line for line in lines[:-1] if line["state"] != "step"]  # as many as the machine is slow
    assert [(line["path"], line["state"]) for line in told] == [
        (path, state) for path in JOBS for state in ("started", "done")
    ]
    assert [each["path"] for each in lines[-1]["fitted"]] == JOBS


def test_damaged_blobs_are_found(run: Run, graph: Path) -> None:
    run("transplant", graph)
    lock = lock_path(graph).read_bytes()
    store, blobs = Workspace.find(graph).store, sorted(set(named(read_lock(lock_path(graph)))))
    adapter = read_lock(lock_path(graph)).adapters["dog:classify"].adapter
    assert run("plan", graph, "--verify").err == ""
    for sha in blobs:
        store.path(sha).write_bytes(store.path(sha).read_bytes()[:-1])
    assert "+ " not in run("plan", graph).out  # which asks only whether they are there
    outcome = run("plan", graph, "--verify", "--json")
    assert outcome.err.count("the blob is damaged") == len(blobs)
    assert all(sha in outcome.err for sha in blobs)
    edges = {edge["path"]: edge for edge in json.loads(outcome.out)["edges"]}
    assert edges["dog:classify"]["action"] == "refit"
    assert f"its adapter {adapter[:10]} is not in the store" in edges["dog:classify"]["reason"]
    run("transplant", graph)
    assert lock_path(graph).read_bytes() == lock
    store.path(adapter).write_bytes(b"")
    assert "the blob is damaged" in run("transplant", graph, "--verify").err
    assert store.get(adapter)
    assert lock_path(graph).read_bytes() == lock


def test_keep_going(run: Run, graph: Path) -> None:
    entry = "adapters: {'dog:classify': {method: ordinary}}\n"
    graph.write_text(graph.read_text() + entry)
    outcome = run("transplant", graph, "--keep-going")
    assert outcome.status == 1
    assert "failed: dog:classify: method ordinary got no samples" in outcome.out
    assert list(read_lock(lock_path(graph)).adapters) == ["cow:classify"]


def test_interrupted_it_names_the_command(run: Run, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(inline, "execute", interrupt)
        outcome = run("transplant", graph, "--only", "cow:*")
    assert outcome.status == 130
    assert outcome.err.endswith(f"go on from here: legonet transplant {graph} --only 'cow:*'\n")


def test_one_run_at_a_time(run: Run, graph: Path) -> None:
    with RunLock(graph.parents[1] / ".legonet" / "runs" / "zoo.lock"):
        outcome = run("transplant", graph)
    assert outcome.status == 1
    assert f"another run is at work on this network: process {os.getpid()}" in outcome.err


def test_whom_it_waits_for(run: Run, graph: Path) -> None:
    """Another process is at work until this one has said that it waits."""
    held = RunLock(graph.parents[1] / ".legonet" / "runs" / "zoo.lock")
    held.__enter__()
    threading.Timer(1.0, held.__exit__, (None, None, None)).start()
    outcome = run("transplant", graph, "--wait")
    assert outcome.status == 0
    waits, *_ = outcome.err.splitlines()
    assert waits.startswith(f"another run is at work on this network: process {os.getpid()} on ")
    assert outcome.out.splitlines()[-1] == "2 fitted."


def test_interrupted_while_it_waits(run: Run, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with RunLock(graph.parents[1] / ".legonet" / "runs" / "zoo.lock"):
        monkeypatch.setattr("legonet.store.locks.time.sleep", interrupt)
        outcome = run("transplant", graph, "--wait")
    assert outcome.status == 130
    assert outcome.err.splitlines()[-1].startswith("interrupted; run the same command again")


def test_gc(run: Run, graph: Path) -> None:
    run("transplant", graph)
    graph.write_text(graph.read_text().replace("draws: 2", "draws: 3"))
    run("transplant", graph)
    assert run("gc", graph).out.splitlines() == [
        "0 files, 0.0 MiB could be freed with --delete; 8 are needed.",
        "2 others are younger than 1h: a run may be at work.",
    ]
    assert json.loads(run("gc", graph.parent, "--age", "0", "--json").out)["kept"] == 8
    assert run("gc", graph, "--age", "0", "--delete").out.splitlines()[-1].startswith("2 files, ")
    assert run("plan", graph).out.splitlines()[-1].startswith("Nothing to do")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("transplant {graph} --budget soon", "--budget: found 'soon'; expected a duration"),
        ("transplant {graph} --memory-limit much", "--memory-limit: found 'much'; expected a size"),
        ("transplant {graph} --executor cloud", "--executor cloud: expected one of inline, process, ray"),
        ("transplant {graph} --progress dots", "--progress dots: expected one of auto, json"),
        ("transplant {graph} --only fox:*", "'fox:*' fits no path"),
        ("transplant {graph} --workers 0", "--workers: found 0; expected 1"),
        ("gc {graph}/none", "no such file or folder"),
    ],
)
def test_the_users_fault(run: Run, graph: Path, command: str, message: str) -> None:
    outcome = run(*command.format(graph=graph).split())
    assert outcome.status == 1, outcome
    assert message in outcome.err
    assert "Traceback" not in outcome.out + outcome.err


def test_small_figures_of_fine_tuning_are_told(
    run: Run, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {"dog:classify": Judgement("disagreement", 0.0, 3.2e-7, 64)}
    told = lambda self, *_, **__: Tuned(self.lock, paths, ("dog:classify",))  # noqa: E731
    monkeypatch.setattr(Network, "finetune", told)
    outcome = run("finetune", graph, "--task", "classify", "--tolerance", "0")
    assert outcome.status == 1
    assert outcome.out.splitlines()[1].split() == [
        "dog:classify",
        "disagreement",
        "0",
        "3.2e-07",
        "64",
        "worse",
    ]
