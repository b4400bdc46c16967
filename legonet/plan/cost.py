"""What a job will take on this machine, from what earlier jobs took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Cost(NamedTuple):
    """An estimate.

    Attributes:
        seconds: of the job.
        memory: in bytes, at its peak; None where no process of its own measured it.
        basis: where the numbers come from, for people.
        operations: multiplications and additions; None where no earlier job counted them.
    """

    seconds: float
    memory: int | None
    basis: str
    operations: int | None = None


class Took(NamedTuple):
    """What a job of an earlier run took."""

    path: str
    method: str
    seconds: float
    memory: int | None = None
    operations: int | None = None


@dataclass(frozen=True)
class History:
    """What is known of earlier jobs.

    Attributes:
        paths: the last job of each path and method.
        methods: for each method, the mean over its jobs, and how many they are.
    """

    paths: Mapping[tuple[str, str], Took] = field(default_factory=dict)
    methods: Mapping[str, tuple[Took, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, jobs: Iterable[Took]) -> History:
        """Gather the history of jobs, the oldest first."""
        paths: dict[tuple[str, str], Took] = {}
        by_method: dict[str, list[Took]] = {}
        for job in jobs:
            paths[job.path, job.method] = job
            by_method.setdefault(job.method, []).append(job)
        means = {method: (_mean(method, took), len(took)) for method, took in by_method.items()}
        return cls(paths, means)

    def estimate(self, path: str, method: str) -> Cost | None:
        """What a job will take: as its path took last, else as jobs of its method take; None if unknown."""
        own = self.paths.get((path, method))
        if own is not None:
            return Cost(own.seconds, own.memory, "as it took last", own.operations)
        if method not in self.methods:
            return None
        mean, count = self.methods[method]
        return Cost(mean.seconds, mean.memory, f"mean of {count} by {method}", mean.operations)


def _mean(method: str, jobs: list[Took]) -> Took:
    memory = max((job.memory for job in jobs if job.memory is not None), default=None)
    counted = [job.operations for job in jobs if job.operations is not None]
    operations = round(sum(counted) / len(counted)) if counted else None
    return Took("", method, sum(job.seconds for job in jobs) / len(jobs), memory, operations)
