"""What a run's child says: events as JSON lines, and from them the state of each job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from legonet import foreign
from legonet.studio.models.runs import Job

LONGEST = 2**16  # bytes of a line
MOST_JOBS = 100_000
_STATES = {"started": "running", "step": "running", "done": "done", "failed": "failed", "again": "retry"}


@dataclass
class _Job:
    state: str = "waiting"
    began: float | None = None
    last: float | None = None
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    seconds: float | None = None
    left: float | None = None
    quality: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    message: str = ""


class RunLog:
    """A log that is read as far as it was written.

    Args:
        path: The file.
        paths: The jobs, in their order.

    Attributes:
        result: What the child said at its end; None before.
        message: For what it waits.
    """

    def __init__(self, path: Path, paths: Sequence[str]) -> None:
        self._path, self._offset = path, 0
        self._jobs: dict[str, _Job] = {each: _Job() for each in paths[:MOST_JOBS]}
        self.result: Mapping[str, Any] | None = None
        self.message = ""

    def read(self) -> None:
        """Take in what was written since."""
        lines, self._offset = lines_after(self._path, self._offset)
        for line in lines:
            self._take(line)

    def jobs(self, running: bool) -> tuple[Job, ...]:
        """The jobs as they are.

        Args:
            running: The child is at work; else what it was at was broken off.
        """
        return tuple(_shown(path, each, running) for path, each in self._jobs.items())

    def _take(self, line: bytes) -> None:
        event = event_of(line)
        if event is None:
            return
        path, state = event.get("path"), event.get("state")
        if "fitted" in event:
            self._end(event)
        elif state == "waiting":
            self.message = _text(event.get("message"))
        elif (
            isinstance(path, str)
            and isinstance(state, str)
            and state in _STATES
            and (path in self._jobs or self._room())
        ):
            job = self._jobs.setdefault(path[:200], _Job())
            self.message = ""
            _tell(job, event, _STATES[state])

    def _room(self) -> bool:
        return len(self._jobs) < MOST_JOBS

    def _end(self, event: Mapping[str, Any]) -> None:
        self.result = event
        for state in ("reused", "planned", "removed"):
            for path in _list(event.get(state)):
                if isinstance(path, str) and (path in self._jobs or self._room()):
                    self._jobs.setdefault(path[:200], _Job()).state = state
        for each in _list(event.get("fitted")):
            if isinstance(each, dict) and (job := self._jobs.get(str(each.get("path")))) is not None:
                job.notes = tuple(_text(note) for note in _list(each.get("notes"))[:50])


def _tell(job: _Job, event: Mapping[str, Any], state: str) -> None:
    time = _number(event.get("time"))
    job.state, job.last = state, time
    if event["state"] == "started":
        job.began, job.step, job.loss, job.message = time, None, None, ""
    job.step = _count(event.get("step"), job.step)
    job.steps = _count(event.get("steps"), job.steps)
    job.loss = _number(event.get("loss"), job.loss)
    job.left = _number(event.get("left"))
    job.seconds = _number(event.get("seconds"), job.seconds)
    job.message = _text(event.get("message")) or job.message
    job.notes = tuple(_text(note) for note in _list(event.get("notes"))[:50])
    quality = event.get("quality")
    if isinstance(quality, dict):
        numbers = {str(name)[:100]: _number(value) for name, value in list(quality.items())[:100]}
        job.quality = {name: value for name, value in numbers.items() if value is not None}


def _shown(path: str, job: _Job, running: bool) -> Job:
    state, seconds = job.state, job.seconds
    if not running and state in ("running", "retry"):
        state = "stopped"
    if seconds is None and job.began is not None and job.last is not None:
        seconds = max(0.0, job.last - job.began)
    return Job(
        path=path,
        state=state,
        step=job.step,
        steps=job.steps,
        loss=job.loss,
        seconds=seconds,
        left=job.left if state == "running" else None,
        quality=job.quality,
        notes=job.notes,
        message=job.message,
    )


def lines_after(path: Path, offset: int, most: int = 16 * foreign.MIB) -> tuple[list[bytes], int]:
    """The whole lines of a growing file after a place, and the place after them.

    Args:
        path: The file; one that cannot be read has none.
        offset: Where to begin.
        most: Bytes that are read at a time.
    """
    try:
        with foreign.opened(path, foreign.JOURNAL) as file:
            file.seek(offset)
            data = file.read(most)
    except Exception:  # gone, or a link
        return [], offset
    end = data.rfind(b"\n") + 1
    if not end and len(data) >= LONGEST:
        return [b""], offset + len(data)  # no line of ours: passed over
    return data[:end].splitlines(), offset + end


def event_of(line: bytes) -> dict[str, Any] | None:
    """The event of a line; None if it is none."""
    if not line.startswith(b"{") or len(line) > foreign.MIB:
        return None
    try:
        found = from_json(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _number(value: object, otherwise: float | None = None) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    return float(value) if abs(value) < 1e300 else otherwise


def _count(value: object, otherwise: int | None) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return otherwise
    return value if 0 <= value < 2**53 else otherwise


def _text(value: object) -> str:
    return value[:4000] if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
