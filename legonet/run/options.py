"""How a run goes about its jobs. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from legonet.errors import SelectError
from legonet.graph.address import without_secrets
from legonet.graph.schema import Graph
from legonet.graph.suggest import did_you_mean, listed
from legonet.plan.plan import PlannedEdge
from legonet.run.executors import EXECUTORS


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about its jobs.

    Attributes:
        only: Paths, or patterns such as `*:segment`, that are fitted or removed; default: all of the plan.
        first: Paths or patterns of jobs that come before all others.
        budget: Seconds for the whole run; a job starts only if its estimate fits into what is left.
        workers: How many jobs are done at a time.
        executor: Where jobs are done; default: `inline` for one worker, `process` for more.
        address: The address of a Ray cluster; default: one is started on this machine, for this run alone.
        shared: Whether every machine of the cluster sees the workspace under the same path; otherwise blobs
            are shipped.
        remote: The address of a remote that machines read blobs from, and write adapters to, instead; each of
            them needs credentials of its own, so that it holds no password.
        keep_going: Whether the run goes on after a job has failed.
        retries: How many further attempts there are at a job whose process died, or whose store failed.
        back_off: Seconds before the second attempt; twice as many before each further one.
        seconds: The most that one attempt may take; only the executor `process` keeps to it.
        memory: The most bytes that one attempt may hold; only the executor `process` keeps to it.
        wait: Whether to wait for another run of the same network to end; otherwise this one is refused.

    Raises:
        SelectError: There is no such executor or no worker, there are more processes than a machine bears, or
            limits are given to an executor that does not keep them; or a remote to one of this machine alone.
    """

    only: Sequence[str] = ()
    first: Sequence[str] = ()
    budget: float | None = None
    workers: int = 1
    executor: str | None = None
    address: str | None = None
    shared: bool = False
    remote: str | None = None
    keep_going: bool = False
    retries: int = 2
    back_off: float = 1.0
    seconds: float | None = None
    memory: int | None = None
    wait: bool = False

    def __post_init__(self) -> None:
        kind = EXECUTORS.get(self.chosen_executor)
        if kind is None:
            raise SelectError(
                f"executor: found {self.executor}; expected one of {', '.join(EXECUTORS)}; choose one"
            )
        if self.limited and not kind.limits:
            keep = " or ".join(name for name, each in EXECUTORS.items() if each.limits)
            raise SelectError(
                f"executor: found {self.executor}, which keeps no limit of time or memory; expected {keep}; "
                "choose it, or leave the limit out"
            )
        if self.remote is not None and (not kind.machines or self.shared):
            keep = " or ".join(name for name, each in EXECUTORS.items() if each.machines)
            raise SelectError(
                f"--remote-store: found {without_secrets(self.remote)} with "
                f"{'--shared-store' if self.shared else f'the executor {self.chosen_executor}'}; expected "
                f"{keep} without a shared store; choose it, or leave the remote out"
            )
        cores = os.cpu_count() or 1
        most = None if kind.per_core is None else kind.per_core * cores
        if self.workers < 1 or (most is not None and self.workers > most):
            limit = "1 or more" if most is None else f"1 to {most}, {kind.per_core} for each of {cores} cores"
            raise SelectError(f"--workers: found {self.workers}; expected {limit}; correct it")

    @property
    def limited(self) -> bool:
        """Whether an attempt at a job has a limit of time or memory."""
        return self.seconds is not None or self.memory is not None

    @property
    def chosen_executor(self) -> str:
        """Where the jobs are done: the executor that is given, or the one that the other options need."""
        if self.executor is not None:
            return self.executor
        return "inline" if self.workers == 1 and not self.limited else "process"

    def wants(self, path: str) -> bool:
        """Tell whether `only` leaves a path in.

        Args:
            path: The path, such as `cat:classify`.

        Returns:
            True also where `only` names no path at all.
        """
        return not self.only or _fits(path, self.only)


def ordered(graph: Graph, jobs: Sequence[PlannedEdge], options: RunOptions) -> list[PlannedEdge]:
    """The jobs that are wanted, the most useful first.

    What `first` names comes first, then the paths of applications, then paths that have no adapter yet, then
    those that take least; of equals, those that arrived first. Without a budget all of them are done in the
    end, so that only the first two count.

    Raises:
        SelectError: A pattern that fits no path of the graph.
    """
    wanted = [edge for edge in jobs if options.wants(edge.path)]
    paths = [f"{each.category}:{each.task}" for each in graph.teachers.values()]
    known = [*paths, *graph.adapters, *(edge.path for edge in jobs)]
    for pattern in (*options.only, *options.first):
        if not any(fnmatchcase(path, pattern) for path in known):
            raise SelectError(
                f"{graph.name}: '{pattern}' fits no path; paths are {listed(paths)}; name one of them, or a "
                f"pattern such as '*:{next(iter(graph.tasks), 'task')}'.{did_you_mean(pattern, known)}"
            )
    applied = {path for each in graph.applications.values() for path in each}

    def usefulness(edge: PlannedEdge) -> tuple[bool, bool, bool, float, int]:
        asked = (not _fits(edge.path, options.first), edge.path not in applied)
        if options.budget is None or edge.cost is None:
            return (*asked, options.budget is not None and edge.action != "add", 0.0, 0)
        cost = edge.cost
        return (*asked, edge.action != "add", cost.seconds or 0.0, cost.operations or 0)

    return sorted(wanted, key=usefulness)


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


_DURATIONS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def seconds_of(option: str, text: str, or_none: bool = False) -> float:
    """Read a duration such as `90s`, `10m` or `1.5h`; a bare number is in seconds.

    Args:
        option: The option, for messages.
        text: The text that was given.
        or_none: Whether it may be 0.

    Raises:
        SelectError: The option has none.
    """
    value = _number(text.strip(), _DURATIONS)
    if value is None or (value == 0 and not or_none):
        raise SelectError(f"{option}: found '{text}'; expected a duration such as 90s, 10m or 2h; correct it")
    return value


def bytes_of(option: str, text: str) -> int:
    """Read a size such as `800M` or `4G`, in powers of 1024; a bare number is in bytes.

    Args:
        option: The option, for messages.
        text: The text that was given.

    Raises:
        SelectError: The option has none.
    """
    value = _number(text.strip().upper().removesuffix("B").removesuffix("I"), _SIZES)
    if value is None or value < 1:
        raise SelectError(f"{option}: found '{text}'; expected a size such as 800M or 4G; correct it")
    return int(value)


def _number(text: str, units: Mapping[str, int]) -> float | None:
    """A finite number of units, not below 0; None if it is none."""
    digits = text.rstrip("".join(units))
    try:
        value = float(digits) * units[text[len(digits) :]]
    except (ValueError, KeyError):
        return None
    return value if 0 <= value < float("inf") else None
