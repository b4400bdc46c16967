"""What a job will take on this machine.

Operations are counted beforehand; seconds and memory follow from what earlier jobs took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

REACH = 100  # times as large as any job before: most of the time of small ones is no computing


class JobCost(NamedTuple):
    """An estimate of what a job takes on this machine.

    Attributes:
        seconds: How long it takes; None before any job has run that tells how fast this machine is.
        memory: Bytes at its peak; None where no process of its own has measured it.
        basis: Where the numbers come from, in words.
        operations: How many operations it takes, two for each multiplication with its addition; None where
            they cannot be counted.
        passes: The same as passes of one example through the task module.
    """

    seconds: float | None
    memory: int | None
    basis: str
    operations: int | None = None
    passes: int | None = None


class Took(NamedTuple):
    """What a job of an earlier run took."""

    path: str
    method: str
    seconds: float
    memory: int | None = None
    operations: int | None = None


class Pace(NamedTuple):
    """How fast some jobs were.

    Attributes:
        jobs: How many.
        seconds: The mean seconds of a job.
        memory: The most bytes that one of them held.
        took: Seconds of those whose operations were counted.
        operations: The operations of those jobs.
        largest: Operations of one.
    """

    jobs: int = 0
    seconds: float = 0.0
    memory: int | None = None
    took: float = 0.0
    operations: int = 0
    largest: int = 0

    @classmethod
    def of(cls, jobs: list[Took]) -> Pace:
        """That of one job or more."""
        memory = max((job.memory for job in jobs if job.memory is not None), default=None)
        counted = [job.operations for job in jobs if job.operations]
        took = sum(job.seconds for job in jobs if job.operations)
        seconds = sum(job.seconds for job in jobs) / len(jobs)
        return cls(len(jobs), seconds, memory, took, sum(counted), max(counted, default=0))

    def after(self, seconds: float, operations: int) -> Pace:
        """This pace and one more job whose operations were counted."""
        more = {"took": self.took + seconds, "operations": self.operations + operations}
        return self._replace(**more, largest=max(self.largest, operations))

    def seconds_of(self, operations: int) -> float | None:
        """What so many operations take at this pace; None where they are far more than those of any job."""
        if not self.operations or operations > REACH * self.largest:
            return None
        return operations * self.took / self.operations

    def cost_of(self, cost: JobCost) -> JobCost:
        """A cost with the seconds that its operations take at this pace of a measurement."""
        steps = None if cost.operations is None else self.seconds_of(cost.operations)
        if steps is None:
            return cost
        basis = "at the pace of a second's measurement on this machine"
        return cost._replace(seconds=self.seconds + steps, basis=basis)


Count = Callable[[str, str | None], int | None]
"""About how many operations the fit of a path takes, by path and teacher; None where that is not known."""


def _unknown(path: str, teacher: str | None) -> int | None:
    return None


@dataclass(frozen=True)
class History:
    """What is known of earlier jobs, and how to count the operations of one to come.

    Attributes:
        paths: The last job of each path and method.
        methods: How fast the jobs of each method were.
        every: How fast all of them were; None without any.
        measured: How fast this machine was in a second of a fit; looked at where no job tells more.
        count: The operations of a fit.
        once: Those of one example's pass through the path's task module.
    """

    paths: Mapping[tuple[str, str], Took] = field(default_factory=dict)
    methods: Mapping[str, Pace] = field(default_factory=dict)
    every: Pace | None = None
    measured: Pace | None = None
    count: Count = _unknown
    once: Count = _unknown
    _at_a_pace: dict[tuple[str, int | None], JobCost | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, jobs: Iterable[Took]) -> History:
        """Gather the history of jobs, the oldest first."""
        paths: dict[tuple[str, str], Took] = {}
        by_method: dict[str, list[Took]] = {}
        for job in jobs:
            paths[job.path, job.method] = job
            by_method.setdefault(job.method, []).append(job)
        every = [job for each in by_method.values() for job in each]
        paces = {method: Pace.of(took) for method, took in by_method.items()}
        return cls(paths, paces, Pace.of(every) if every else None)

    def estimate(self, path: str, method: str, teacher: str | None = None) -> JobCost | None:
        """What a job will take; None where nothing is known.

        Seconds are those that its path took last, else at the pace of its method's jobs, else at that of all
        jobs; for more operations as much longer.

        Args:
            path: `category:task`.
            method: The method by which the adapter is fitted.
            teacher: The path's teacher.
        """
        cost, once = self._cost(path, method, teacher), self.once(path, teacher)
        if cost is None or not cost.operations or not once:
            return cost
        return cost._replace(passes=-(-cost.operations // once))

    def _cost(self, path: str, method: str, teacher: str | None) -> JobCost | None:
        operations, own = self.count(path, teacher), self.paths.get((path, method))
        times = operations / own.operations if own is not None and operations and own.operations else 1.0
        if own is not None and times <= REACH:
            basis = "as it took last" + ("" if times == 1 else ", for other settings")
            return JobCost(own.seconds * times, own.memory, basis, operations or own.operations)
        like = method, operations
        if like not in self._at_a_pace:
            self._at_a_pace[like] = self._estimate(method, operations)
        return self._at_a_pace[like]

    def _estimate(self, method: str, operations: int | None) -> JobCost | None:
        pace = self.methods.get(method)
        if pace is not None and (operations is None or not pace.operations):
            return JobCost(pace.seconds, pace.memory, f"mean of {pace.jobs} by {method}", operations)
        if operations is None:
            return None
        memory = None if pace is None else pace.memory
        for each, whose in ((pace, method), (self.every, "any method")):
            seconds = None if each is None else each.seconds_of(operations)
            if each is not None and seconds is not None:
                return JobCost(seconds, memory, f"at the pace of {each.jobs} by {whose}", operations)
        cost = JobCost(None, memory, "operations are counted; nothing like it has run yet", operations)
        return cost if self.measured is None else self.measured.cost_of(cost)
