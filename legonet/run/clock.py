"""How long a job that runs still takes. Needs no torch."""

from __future__ import annotations

import time

BEFORE = 0.5  # of a job, at most, comes before its first step


class Clock:
    """Of one job, from its start."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first = self._last = (0.0, 0)
        self._steps = 0

    def step(self, step: int, steps: int) -> None:
        """Note a step of the job's descent; one that is no further than the last begins another descent."""
        now = time.monotonic()
        if not self._last[1] or step <= self._last[1]:
            self._first = now, step
        self._last, self._steps = (now, step), steps

    def left(self, expected: float) -> float | None:
        """About how many seconds are left.

        At the pace of the steps that were made, which are most of a job; before them, what is left of what
        was expected, or of more where the steps are late. What comes before says nothing of their pace.

        Args:
            expected: Of the whole job, in seconds; 0 where nothing tells.
        """
        (began, first), (now, last) = self._first, self._last
        if last > first:
            return (self._steps - last) * (now - began) / (last - first)
        if not expected:
            return None
        since = time.monotonic() - self._began
        return max(expected, since / BEFORE) - since
