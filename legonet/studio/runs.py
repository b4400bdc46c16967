"""Runs: children that fit adapters, and what the journal knows of others."""

from __future__ import annotations

import threading
from pathlib import Path

from legonet.errors import StoreError
from legonet.run.journal import Journal, JournalRun
from legonet.run.options import RunOptions, ordered, seconds_of
from legonet.store.locks import RunLock
from legonet.store.workspace import Workspace
from legonet.studio.children import Child, Children
from legonet.studio.drafted import Drafted
from legonet.studio.models.runs import Job, NewRun, Run, RunState
from legonet.studio.run_log import RunLog
from legonet.web.faults import refuse

SHOWN = 50
KEPT = 200
_FOREIGN = "journal-"
_STATES: dict[str, RunState] = {"done": "done", "failed": "failed", "interrupted": "stopped"}


class RunBook:
    """The runs of one graph file.

    Args:
        path: The graph file.
        workspace: Its workspace.
    """

    def __init__(self, path: Path, workspace: Workspace) -> None:
        self._path, self._workspace = path, workspace
        self.children = Children(workspace, "runs", KEPT)
        self._logs: dict[str, RunLog] = {}
        self._reading = threading.Lock()

    def start(self, asked: NewRun, drafted: Drafted) -> Child:
        """Start a run.

        Args:
            asked: What it is to do.
            drafted: What the file says.

        Raises:
            LegonetError: Another one is at work, there is no such path, or a folder is outside.
        """
        if drafted.plan is None:
            raise refuse(422, *(each.text for each in drafted.problems[:1]))
        budget = None if asked.budget is None else seconds_of("budget", asked.budget)
        options = RunOptions(only=tuple(asked.only), budget=budget, keep_going=asked.keep_going)
        jobs = ordered(drafted.graph, drafted.plan.jobs, options)
        folders = {path: self._folder(path, each) for path, each in asked.samples.items()}
        self._expect_alone(drafted.graph.name)
        options_ = [f"--only={each}" for each in asked.only]
        options_ += [f"--budget={asked.budget.replace(' ', '')}"] if asked.budget is not None else []
        options_ += [f"--samples={path}={folder}" for path, folder in folders.items()]
        options_ += ["--keep-going"] if asked.keep_going else []
        paths = [each.path for each in jobs] + [path for path in folders if path not in drafted.plan.by_path]
        return self.children.start(
            ["transplant", str(self._path.absolute()), *options_, "--progress=json"],
            ["transplant", str(self._path), *options_],
            graph=drafted.graph.name,
            paths=paths,
        )

    def _folder(self, path: str, written: str) -> str:
        """A folder of the workspace, which a link may not lead out of."""
        folder = self._workspace.resolve(self._workspace.root, written)
        if not folder.is_dir():
            raise refuse(422, f"{written}: no folder", "expected one of the workspace", key=f"samples.{path}")
        return str(folder)

    def is_busy(self, graph: str) -> bool:
        """Whether a run of ours is at work on a network."""
        return any(each.asked.get("graph") == graph and each.alive() for each in self.children.all())

    def _expect_alone(self, graph: str) -> None:
        for each in self.children.all():
            if each.asked.get("graph") == graph and each.alive():
                raise refuse(409, f"the run {each.id} is at work", advice="wait for its end, or stop it")
        if held := self._held(graph):
            raise refuse(409, held)

    def _held(self, graph: str) -> str:
        """Who else is at work on a network, or nothing; commands that begin wait while this looks."""
        with self._workspace.writing():
            try:
                with RunLock(self._workspace.run_lock(graph)):
                    return ""
            except StoreError as error:
                return str(error)

    def find(self, id_: str, graph: str) -> Run:
        """A run.

        Raises:
            LegonetError: There is none of this name.
        """
        if id_.startswith(_FOREIGN):
            for each in self.all(graph):
                if each.id == id_:
                    return each
        return self._shown(self.children.find(id_))

    def all(self, graph: str) -> list[Run]:
        """Runs of a network, the newest first."""
        ours = [each for each in self.children.all() if each.asked.get("graph") == graph][:SHOWN]
        found = [self._shown(each) for each in ours]
        found += self._others(graph, found)
        return sorted(found, key=lambda each: each.started, reverse=True)[:SHOWN]

    def _shown(self, child: Child) -> Run:
        alive = child.alive()  # first: what is written by then is all of it
        with self._reading:
            log = self._logs.get(child.id)
            if log is None:
                paths = child.asked.get("paths")
                names = [each for each in paths if isinstance(each, str)] if isinstance(paths, list) else []
                log = self._logs[child.id] = RunLog(child.output, names)
            log.read()
            jobs, message = log.jobs(alive), log.message
            state, said = _state_of(child, log, alive)
        return Run(
            id=child.id,
            state=state,
            started=child.started,
            finished=None if alive else child.finished,
            jobs=jobs,
            command=child.command,
            message=said or message,
        )

    def _others(self, graph: str, ours: list[Run]) -> list[Run]:
        """Runs that others have started, as the journal has them: one of ours began within one of these."""
        known = [
            each
            for each in Journal(self._workspace.journal_path).runs(graph, SHOWN)
            if not any(run.started <= each.started <= (run.finished or each.started) for run in ours)
        ]
        newest = max((each.run for each in known if each.state == "running"), default=None)
        held = newest is not None and bool(self._held(graph))  # those before it were killed
        return [_of_journal(each, held and each.run == newest) for each in known]


def _state_of(child: Child, log: RunLog, alive: bool) -> tuple[RunState, str]:
    """The state, and what it says of itself."""
    if alive:
        return "running", ""
    if log.result is not None:
        failed = log.result.get("failed")
        notes, told = log.result.get("notes"), {note for job in log.jobs(alive) for note in job.notes}
        others = [str(each) for each in notes if each not in told] if isinstance(notes, list) else []
        said = "\n".join(others[:20])
        if isinstance(failed, dict) and failed:
            return "failed", "\n".join(map(str, list(failed.values())[:20]))
        return "done", said
    errors, status = child.errors(), child.status
    if child.stopped or status == 130 or (errors.splitlines()[-1:] and "interrupted; run the" in errors):
        return "stopped", "stopped; a new run goes on from where it was"
    if status in (1, 3) or (status is None and errors):
        return "failed", errors
    return "lost", errors or "its process ended without saying why; a new run goes on from where it was"


def _of_journal(run: JournalRun, held: bool) -> Run:
    jobs = tuple(
        Job(
            path=each.path,
            state=each.state,
            step=None,
            steps=None,
            loss=None,
            seconds=each.seconds,
            left=None,
            quality=dict(each.quality),
            notes=each.notes,
            message="",
        )
        for each in run.jobs
    )
    state = _STATES.get(run.state) or ("running" if held else "lost")
    return Run(
        id=f"{_FOREIGN}{run.run}",
        state=state,
        started=run.started,
        finished=run.finished,
        jobs=jobs,
        command="",
        message="started elsewhere, such as by `legonet transplant`",
    )
