"""One job after the other, in this process."""

from __future__ import annotations

from pathlib import Path

import torch

from legonet.distill.fit import Samples
from legonet.run.execute import execute
from legonet.run.executors.base import Executor, Listener, Outcome, Step
from legonet.run.jobs import Job
from legonet.store.blobs import BlobStore


class InlineExecutor(Executor):
    """Does a job when it is waited for.

    Args:
        store: holds the modules, takes the adapters.
        device: where to compute.
        checkpoints: where long jobs leave their states.
    """

    def __init__(
        self, store: BlobStore, device: torch.device | str = "cpu", checkpoints: Path | None = None
    ) -> None:
        self._store, self._device, self.checkpoints = store, device, checkpoints
        self._taken: list[tuple[Job, Samples | None]] = []

    def submit(self, job: Job, samples: Samples | None = None) -> None:
        """Take a job."""
        self._taken.append((job, samples))

    def wait(self, timeout: float, listen: Listener) -> list[Outcome]:
        """Do the job that was taken; it takes as long as it takes."""
        outcomes = []
        while self._taken:
            job, samples = self._taken.pop()
            outcomes.append(self._do(job, samples, listen))
        return outcomes

    def _do(self, job: Job, samples: Samples | None, listen: Listener) -> Outcome:
        def step(done: int, steps: int, loss: float) -> None:
            listen(Step(job.path, done, steps, loss))

        try:
            result = execute(job, self._store, samples, self._device, step, self.checkpoints)
            return Outcome(job.path, result)
        except Exception as error:  # one job's trouble; what to make of it is the scheduler's to say
            return Outcome(job.path, error=error)
