from __future__ import annotations

from typing import Any

import pytest

from legonet.errors import SelectError
from legonet.graph.schema import Graph
from legonet.plan.cost import JobCost
from legonet.plan.plan import PlannedEdge
from legonet.run.options import RunOptions, bytes_of, ordered, seconds_of

PATHS = ("cat:classify", "dog:classify", "cow:classify", "cat:segment")
GRAPH = Graph.model_validate(
    {
        "legonet": 1,
        "name": "zoo",
        "input": {"shape": [3, 8, 8]},
        "categories": {"cat": {}, "dog": {}, "cow": {}},
        "tasks": {"classify": {"output": {"kind": "binary"}}, "segment": {"output": {"kind": "mask"}}},
        "teachers": {
            f"t{number}": {
                "category": path.split(":")[0],
                "task": path.split(":")[1],
                "model": "m",
                "weights": "w",
                "cut": "c",
            }
            for number, path in enumerate(PATHS)
        },
        "applications": {"farm": ["cow:classify"]},
    }
)


def job(path: str, action: Any = "add", seconds: float | None = None) -> PlannedEdge:
    return PlannedEdge(path, action, "", cost=None if seconds is None else JobCost(seconds, None, ""))


JOBS = [job("cat:classify", "refit", 1.0), job("dog:classify", "add", 9.0), job("cow:classify", "refit", 5.0)]
JOBS.append(job("cat:segment", "add", 3.0))


@pytest.mark.parametrize("workers", [0, -1, 10**6])
def test_workers_that_no_machine_has(workers: int) -> None:
    with pytest.raises(SelectError, match=rf"--workers: found {workers}; expected 1 (or more|to \d+)"):
        RunOptions(workers=workers)


def test_many_machines_have_many_workers() -> None:
    assert RunOptions(workers=10**6, executor="ray").workers == 10**6


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RunOptions(), ["cow:classify", "cat:classify", "dog:classify", "cat:segment"]),
        (RunOptions(budget=9), ["cow:classify", "cat:segment", "dog:classify", "cat:classify"]),
        (RunOptions(only=["cat:*"]), ["cat:classify", "cat:segment"]),
        (RunOptions(first=["*:segment"]), ["cat:segment", "cow:classify", "cat:classify", "dog:classify"]),
    ],
)
def test_the_order(options: RunOptions, expected: list[str]) -> None:
    assert [edge.path for edge in ordered(GRAPH, JOBS, options)] == expected


def test_a_pattern_that_fits_nothing() -> None:
    with pytest.raises(SelectError, match=r"'cat:clasify' fits no path; .* Did you mean 'cat:classify'"):
        ordered(GRAPH, JOBS, RunOptions(only=["cat:clasify"]))


@pytest.mark.parametrize(
    ("options", "executor"),
    [
        (RunOptions(), "inline"),
        (RunOptions(workers=2), "process"),
        (RunOptions(seconds=3.0), "process"),
        (RunOptions(memory=3), "process"),
        (RunOptions(workers=2, executor="inline"), "inline"),
    ],
)
def test_where_jobs_are_done(options: RunOptions, executor: str) -> None:
    assert options.chosen_executor == executor


def test_an_executor_that_there_is_not() -> None:
    with pytest.raises(SelectError, match="executor: found cluster; expected one of inline, process, ray"):
        RunOptions(executor="cluster")


@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_limits_that_nothing_keeps_are_refused(executor: Any) -> None:
    for limit in ({"seconds": 3.0}, {"memory": 3}):
        with pytest.raises(SelectError, match=f"executor: found {executor}, which keeps no limit"):
            RunOptions(executor=executor, **limit)  # type: ignore[arg-type]


def test_durations_and_sizes() -> None:
    durations = [seconds_of("--budget", text) for text in ("90", "90s", "1.5m", "2h", "1d")]
    assert durations == [90, 90, 90, 7200, 86400]
    sizes = [bytes_of("--memory-limit", text) for text in ("5", "4G", "4gb", "4GiB", "800M")]
    assert sizes == [5, *[2**32] * 3, 800 * 2**20]
    assert seconds_of("--age", "0s", or_none=True) == 0
    for text in ("", "ten", "3 weeks", "-1", "0", "inf", "m"):
        with pytest.raises(SelectError, match=f"--budget: found '{text}'; expected a duration"):
            seconds_of("--budget", text)
        with pytest.raises(SelectError, match=f"--memory-limit: found '{text}'; expected a size"):
            bytes_of("--memory-limit", text)
