"""What the studio of one graph file holds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from legonet.graph.schema import Graph
from legonet.run.pace import is_worth_measuring
from legonet.studio.children import Children
from legonet.studio.draft import Draft
from legonet.studio.drafted import Drafted, Teachers, understand
from legonet.studio.exporting import Exports
from legonet.studio.measuring import Measures
from legonet.studio.models.graph import State
from legonet.studio.runs import RunBook
from legonet.studio.state import Figures, state_of
from legonet.studio.uploads import Uploads
from legonet.web.faults import refuse

if TYPE_CHECKING:
    from legonet.studio.trial import Trial


class Studio:
    """The studio of one graph file.

    Args:
        path: The graph file.
        read_only: Whatever would change something is refused.
        figures: What was measured of its paths.

    Raises:
        LegonetError: The graph file is not valid.
    """

    def __init__(self, path: Path, read_only: bool = False, figures: Figures | None = None) -> None:
        self.path, self.read_only, self.figures = path, read_only, figures or {}
        self.draft = Draft(path)
        self.workspace = self.draft.workspace
        self.runs = RunBook(path, self.workspace)
        self.measures = Measures(path, self.workspace)
        self.exports, self.uploads = Exports(path, self.workspace), Uploads(self.workspace)
        self._teachers = Teachers(path)
        self._trial: Trial | None = None
        self.closed = self._measured = False
        self.streams = 0  # that are open
        self._turns: dict[str, asyncio.Semaphore] = {}

    @contextlib.asynccontextmanager
    async def turn(self, kind: str) -> AsyncIterator[None]:
        """One operation of a kind at a time; quick ones need not wait."""
        if kind == "quick":
            yield
            return
        async with self._turns.setdefault(kind, asyncio.Semaphore(1)):
            yield

    def measure(self, drafted: Drafted) -> None:
        """Have it measured how fast this machine is, once, where that tells how long a plan takes.

        `legonet plan` does so; what it finds is in the plans that are made when it has ended.
        """
        if self._measured or self.read_only or drafted.plan is None or not is_worth_measuring(drafted.plan):
            return
        self._measured = True
        plans = Children(self.workspace, "plans", kept=1)
        plans.start(["plan", str(self.path.absolute()), "--json"], ["plan", str(self.path)])

    def close(self) -> None:
        """End what would go on for ever; runs go on."""
        self.closed = True

    def trial(self) -> Trial:
        """What tries images; torch is imported when it is first asked for."""
        from legonet.studio.trial import Trial

        if self._trial is None:
            self._trial = Trial()
        return self._trial

    def state(self) -> State:
        """The draft, and all that is known of it."""
        snapshot, changed = self.draft.now(), self.draft.changed_outside()
        drafted = self.understood(snapshot.loaded.graph)
        name = drafted.graph.name
        looked = self.measures.look(name)
        figures = {**self.figures, **looked.figures(drafted.lock)}
        still = not (self.read_only or snapshot.dirty or changed or self.runs.is_busy(name))
        if still and self.measures.go_on(drafted, looked, figures):
            looked = self.measures.look(name)
        return state_of(
            self.path,
            snapshot,
            drafted,
            figures,
            looked.now,
            changed_outside=changed,
            read_only=self.read_only,
        )

    def understood(self, graph: Graph) -> Drafted:
        """What is known of a graph, as things are now."""
        return understand(graph, self._teachers)

    def saved(self) -> Drafted:
        """What is known of the file, for what works on it.

        Raises:
            LegonetError: The draft is not saved, or the file was changed outside.
        """
        snapshot = self.draft.now()
        if snapshot.dirty:
            raise refuse(409, "the draft is not saved", "expected the file to say the same", "save it first")
        if self.draft.changed_outside():
            raise refuse(409, f"{self.path}: was changed outside", advice="reload it first")
        return self.understood(snapshot.loaded.graph)
