"""Shows how far a run is: a row for the whole and for each job at work, a line for each that has ended."""

from __future__ import annotations

from legonet.plan.quality import in_words
from legonet.progress import Bars, duration
from legonet.run.runner import Progress

_WHOLE = ""


class RunDisplay:
    """Listens to a run, and tells bars of it.

    Args:
        bars: Entered and left by the caller.
    """

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._done = 0
        self._begun = False

    def __call__(self, progress: Progress) -> None:
        """Tell of one event."""
        if progress.state == "waiting":
            self._bars.line(progress.message)
            return
        if not self._begun:
            self._begun = True
            time = "" if progress.left is None else f", about {duration(progress.left)}"
            jobs = "1 adapter" if progress.jobs == 1 else f"{progress.jobs:,} adapters"
            self._bars.line(f"fitting {jobs}{time}")
        place = f"[{progress.index + 1}/{progress.jobs}] {progress.path}"
        left = "" if progress.left is None or progress.jobs - self._done < 2 else progress.left
        if progress.result is not None:
            self._done += 1
            figures = in_words(progress.result.quality)
            more = f"; about {duration(left)} left" if left and self._done < progress.jobs else ""
            self._bars.end(progress.path, f"{place}: {figures} ({progress.result.seconds:.1f} s){more}")
        elif progress.message:
            self._done += progress.state == "failed"
            self._bars.end(progress.path, f"{place}: {progress.state}: {progress.message}")
        else:
            state = "" if progress.loss is None else f"loss {progress.loss:.3g}"
            doing = f"{progress.path} by {progress.method}{': ' if progress.doing else ''}{progress.doing}"
            total, done = progress.steps or None, progress.step
            left = progress.left if progress.jobs == 1 else None
            self._bars.show(progress.path, doing, total=total, done=done, state=state, left=left)
        if progress.jobs > 1:  # one says it all by itself
            self._bars.show(_WHOLE, "adapters", total=progress.jobs, done=self._done, left=progress.left)
