"""The loop of jobs, whatever does them: an executor that answers from a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from legonet.errors import DistillError
from legonet.graph.lock import Lock
from legonet.graph.schema import Adapter, Input
from legonet.outputs.binary import BinaryOutput
from legonet.plan.cost import JobCost
from legonet.plan.plan import Plan, PlannedEdge
from legonet.run import runner
from legonet.run.execute import FittedAdapter
from legonet.run.executors.base import Executor, Outcome
from legonet.run.jobs import Job
from legonet.run.journal import Journal
from legonet.run.options import RunOptions
from legonet.run.runner import Progress, Run, run
from legonet.store.blobs import MemoryStore


class Script(Executor):
    """Each job ends with the next of its answers: an error's message, or nothing when it is done."""

    def __init__(self, answers: dict[str, list[str]] | None = None, slots: int = 1) -> None:
        self.slots, self.answers = slots, answers or {}
        self.running: list[str] = []
        self.seen: list[tuple[str, int]] = []
        self.closed = False

    def submit(self, job: Job, samples: Any = None) -> None:
        self.running.append(job.path)
        self.seen.append((job.path, len(self.running)))

    def wait(self, timeout: float, listen: Any) -> list[Outcome]:
        path = self.running.pop(0)
        answers = self.answers.get(path, [])
        answer = answers.pop(0) if answers else ""
        if not answer:
            figures = {"residual": 0.123456789}
            return [Outcome(path, FittedAdapter(path, path.encode(), figures, 1.0, operations=100))]
        return [Outcome(path, error=DistillError(answer), again=answer == "crashed")]

    def close(self) -> None:
        self.closed = True


def job(path: str) -> Job:
    shas = dict.fromkeys(("category_module", "task_module", "donor_module"), "0" * 64)
    return Job(
        path=path,
        key="k",
        adapter=Adapter(),
        teacher_module=None,
        own_category_module=None,
        input=Input(shape=(3, 8, 8)),
        meaning=BinaryOutput(kind="binary"),
        **shas,
    )


EDGES = tuple(
    PlannedEdge(f"{name}:t", "add", "", method="auto", key=name * 64, cost=JobCost(seconds, None, ""))
    for name, seconds in (("a", 2.0), ("b", 50.0), ("c", 3.0))
)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only sleeping moves."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds + 1e-6

    monkeypatch.setattr(runner.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(runner.time, "sleep", sleep)
    return clock


@pytest.fixture
def go(now: list[float]) -> Callable[..., Run]:
    def go(script: Script, edges: tuple[PlannedEdge, ...] = EDGES, **options: Any) -> Run:
        said: list[Progress] = options.pop("said", [])
        saved: list[Lock] = options.pop("saved", [])
        jobs = [job(edge.path) for edge in edges]
        return run(
            Plan("zoo", edges),
            edges,
            jobs,
            Lock(),
            MemoryStore(),
            Journal(None),
            saved.append,
            script,
            RunOptions(**options),
            progress=said.append,
        )

    return go


def test_all_are_done_in_order(go: Callable[..., Run]) -> None:
    script = Script()
    result = go(script)
    assert [path for path, _ in script.seen] == ["a:t", "b:t", "c:t"]
    assert [each.path for each in result.results] == ["a:t", "b:t", "c:t"]
    assert result.lock.adapters["a:t"].quality == {"residual": 0.123457}
    assert (result.planned, result.failed, script.closed) == ((), {}, True)


def test_never_more_at_a_time_than_slots(go: Callable[..., Run]) -> None:
    script = Script(slots=2)
    go(script)
    assert [count for _, count in script.seen] == [1, 2, 2]


def test_a_crash_is_tried_again_after_a_pause(go: Callable[..., Run], now: list[float]) -> None:
    said: list[Progress] = []
    script = Script({"b:t": ["crashed", "crashed"]})
    result = go(script, said=said)
    assert [path for path, _ in script.seen] == ["a:t", "b:t", "c:t", "b:t", "b:t"]
    assert now[0] == pytest.approx(3.0, abs=0.1)  # one second, then two
    assert [each.message for each in said if each.state == "again"] == [
        "crashed; attempt 2 in 1 s",
        "crashed; attempt 3 in 2 s",
    ]
    assert len(result.results) == 3


@pytest.mark.parametrize(("answer", "attempts"), [("crashed", 3), ("a user's fault", 1)])
def test_a_failure_ends_the_run(go: Callable[..., Run], answer: str, attempts: int) -> None:
    saved: list[Lock] = []
    script = Script({"b:t": [answer] * 9})
    with pytest.raises(DistillError, match=answer):
        go(script, saved=saved)
    assert [path for path, _ in script.seen].count("b:t") == attempts
    assert "a:t" in saved[-1].adapters  # what was done stays done
    assert script.closed


def test_keep_going(go: Callable[..., Run]) -> None:
    result = go(Script({"a:t": ["no"]}), keep_going=True)
    assert result.failed == {"a:t": "no"}
    assert [each.path for each in result.results] == ["b:t", "c:t"]
    assert result.planned == ()


def test_the_budget_leaves_out_what_does_not_fit(go: Callable[..., Run]) -> None:
    result = go(Script(), budget=10.0)
    assert [each.path for each in result.results] == ["a:t", "c:t"]
    assert result.planned == ("b:t",)


def test_what_is_of_unknown_length_starts_within_the_budget(go: Callable[..., Run]) -> None:
    unknown = tuple(edge._replace(cost=None) for edge in EDGES)
    assert len(go(Script(), unknown, budget=1.0).results) == 3


def test_the_first_job_tells_what_the_others_take(go: Callable[..., Run]) -> None:
    """One second for 100 operations: b would take two seconds, and only one and a half are left."""
    edges = tuple(
        edge._replace(cost=JobCost(None, None, "", operations))
        for edge, operations in zip(EDGES, (100, 200, 150), strict=True)
    )
    assert [each.path for each in go(Script(), edges, budget=1.5).results] == ["a:t", "c:t"]


def test_thousands_of_jobs_may_be_left_out(go: Callable[..., Run]) -> None:
    cost = JobCost(9.0, None, "")
    edges = tuple(EDGES[0]._replace(path=f"c{number}:t", cost=cost) for number in range(2000))
    assert len(go(Script(), edges, budget=1.0).planned) == 2000


def test_an_interrupt_saves_what_is_done(go: Callable[..., Run]) -> None:
    class Interrupted(Script):
        def wait(self, timeout: float, listen: Any) -> list[Outcome]:
            if self.running == ["b:t"]:
                raise KeyboardInterrupt
            return super().wait(timeout, listen)

    saved: list[Lock] = []
    script = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        go(script, saved=saved)
    assert list(saved[-1].adapters) == ["a:t"]
    assert script.closed


def test_a_plan_without_changes_touches_nothing(go: Callable[..., Run]) -> None:
    script = Script()
    kept = tuple(edge._replace(action="keep") for edge in EDGES)
    assert replace(go(script, kept), lock=Lock()) == Run(Lock())
    assert (script.seen, script.closed) == ([], False)
