"""One job after the other, in this process."""

from __future__ import annotations

from legonet.distill.fitting.fit import Samples
from legonet.run.execute import execute
from legonet.run.executors.base import Executor, Listener, Outcome, Step
from legonet.run.jobs import Job


class InlineExecutor(Executor):
    """Does a job when it is waited for."""

    def __init__(self) -> None:
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
        def step(done: int, steps: int, loss: float, doing: str = "", part: float | None = None) -> None:
            listen(Step(job.path, done, steps, loss, doing, part))

        try:
            result = execute(job, self.store, samples, self.device, step, self.checkpoints)
            return Outcome(job.path, result)
        except Exception as error:  # one job's trouble; what to make of it is the scheduler's to say
            return Outcome(job.path, error=error)
