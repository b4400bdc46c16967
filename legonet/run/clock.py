"""How long a job that runs still takes. Needs no torch."""

from __future__ import annotations

import time
from typing import NamedTuple

BEFORE = 0.5  # of a job, at most, comes before its first step, where nothing tells how much
FORETOLD = 0.1  # what was expected of a job is worth as much as having seen this part of it


class _Place(NamedTuple):
    """A step of a descent: when it was made, and what part of the job was done."""

    at: float = 0.0
    step: int = 0
    part: float | None = None


class Clock:
    """Of one job, from its start."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first = self._last = _Place()
        self._steps = 0
        self._part: float | None = None

    def reach(self, part: float | None) -> None:
        """Note what part of the job is done before its steps."""
        self._part, self._first, self._last = part, _Place(), _Place()

    def step(self, step: int, steps: int, part: float | None = None) -> None:
        """Note a step of the job's descent; one that is no further than the last begins another descent."""
        here = _Place(time.monotonic(), step, part)
        if not self._last.step or step <= self._last.step:
            self._first = here
        self._last, self._steps, self._part = here, steps, part

    def left(self, expected: float) -> float | None:
        """About how many seconds are left.

        At the pace of the steps that were made, which are most of a job; before them, and where steps are
        only part of it, by the part of the job that is done. What comes before says nothing of their pace.

        Args:
            expected: Of the whole job, in seconds; 0 where nothing tells.
        """
        first, last = self._first, self._last
        if last.step > first.step:
            if first.part is None or last.part is None or last.part <= first.part:
                return (self._steps - last.step) * (last.at - first.at) / (last.step - first.step)
            return (1 - last.part) * (last.at - first.at) / (last.part - first.part)
        since, part = time.monotonic() - self._began, self._part
        if part is not None and 0 < part < 1:
            seen = part + (FORETOLD if expected else 0.0)
            return (1 - part) * (since + FORETOLD * expected) / seen
        return max(expected, since / BEFORE) - since if expected else None
