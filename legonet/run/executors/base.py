"""What every executor can do: take jobs, tell how each ended, and let go of all at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import torch

from legonet.distill.fitting.checkpoint import clear
from legonet.distill.fitting.fit import Samples
from legonet.run.execute import FittedAdapter
from legonet.run.jobs import Job
from legonet.run.options import RunOptions
from legonet.store.blobs import BlobStore


@dataclass(frozen=True)
class Step:
    """A job went one step further, or says what it does before its steps.

    Attributes:
        path: Of the job.
        step: How many are done.
        steps: Of its descent.
        loss: At this step.
        doing: What it does, in words.
        part: The part that is done of the whole job; None where nothing tells.
    """

    path: str
    step: int
    steps: int
    loss: float
    doing: str = ""
    part: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How one attempt at a job ended.

    Attributes:
        path: The path of the job.
        result: The adapter, if the job was done.
        error: The reason, if it was not.
        again: Whether another attempt may go better: a process died, or ran out of memory or time.
    """

    path: str
    result: FittedAdapter | None = None
    error: BaseException | None = None
    again: bool = False


Listener = Callable[[Step], None]


class Executor(ABC):
    """Where jobs are done: an instance has its own settings, is opened for a run, and closed at its end.

    A subclass defines `submit` and `wait`, and extends `open` and `close` where it holds more than a job. One
    that is known by a name is a line in `legonet.run.executors` and defines `of` too; any other is given to
    `Network.transplant` as an instance.

    Attributes:
        tells_steps: Whether `wait` tells of each step of a job; if not, progress is shown job by job.
        slots: How many jobs it does at a time.
        store: The store of the modules that jobs name, known from `open` on.
        device: The device to compute on, known from `open` on.
        checkpoints: The folder where long jobs leave their states, to go on from; None if they leave none.
    """

    tells_steps: ClassVar[bool] = True
    slots: int = 1
    store: BlobStore
    device: torch.device | str = "cpu"
    checkpoints: Path | None = None

    @classmethod
    def of(cls, options: RunOptions) -> Self:
        """Make an executor with the settings that a run's options hold.

        Args:
            options: The options of the run.

        Returns:
            The executor, not opened yet.
        """
        return cls()

    def open(
        self, store: BlobStore, device: torch.device | str = "cpu", checkpoints: Path | None = None
    ) -> Self:
        """Make ready for a run.

        Args:
            store: The store that holds the modules and takes the adapters.
            device: The device to compute on.
            checkpoints: The folder where long jobs leave their states.

        Returns:
            The executor itself, a context that closes it.
        """
        self.store, self.device, self.checkpoints = store, device, checkpoints
        return self

    @abstractmethod
    def submit(self, job: Job, samples: Samples | None = None) -> None:
        """Take a job; there are never more than `slots` at a time."""

    @abstractmethod
    def wait(self, timeout: float, listen: Listener) -> list[Outcome]:
        """Wait until a job has ended, or for so many seconds.

        Args:
            timeout: The longest wait in seconds.
            listen: A function that is called at each step of a job, if the executor tells of steps.

        Returns:
            The outcome of every job that has ended since.
        """

    def stored(self, job: Job) -> None:
        """Clear the states that a job left; its result is stored."""
        if self.checkpoints is not None:
            clear(self.checkpoints, job.key)

    def close(self) -> None:  # noqa: B027 - an executor that holds nothing has nothing to let go
        """End every job that runs, at once, and let go of what `open` took."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
