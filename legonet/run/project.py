"""Where a network lives: its graph, its bytes, its teachers; and what is made ready there. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from legonet.errors import DamagedError, SelectError, StoreError
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import find_edge, split_path
from legonet.graph.suggest import did_you_mean, listed
from legonet.plan.cost import Pace
from legonet.plan.incremental import Before
from legonet.run.journal import Journal
from legonet.run.pace import read_pace
from legonet.run.planning import PlannedNetwork, SampleFacts, make_plan
from legonet.run.prepare import Sources, mend_blobs, store_blobs
from legonet.run.proxies import Proxies
from legonet.store.blobs import BlobStore
from legonet.store.locks import RunLock
from legonet.store.workspace import Workspace
from legonet.teachers.crossing import PortFinder
from legonet.teachers.sources.source import TeacherSource

_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Project:
    """Where a network lives.

    Attributes:
        graph: The graph, as it is written.
        store: The bytes.
        sources: The teachers.
        journal: The journal of runs.
        workspace: None for a network in memory.
        before: An earlier plan of it, which the next one may go on from.
        pace: How fast this machine is, where that was measured and there is no workspace to keep it.
        folder: The folder that paths in the graph are relative to.
    """

    graph: Graph
    store: BlobStore
    sources: Sources
    journal: Journal
    workspace: Workspace | None = None
    before: Before | None = None
    pace: Pace | None = None
    folder: Path = Path()

    def plan(
        self, lock: Lock, sample_facts: SampleFacts | None = None, graph: Graph | None = None
    ) -> PlannedNetwork:
        """The plan of a graph, default the whole, and its teachers as their files are now.

        Raises:
            LegonetError: A teacher's files cannot be read.
        """
        graph = graph or self.graph
        sources: Mapping[str, TeacherSource] = {name: self.sources[name] for name in graph.teachers}
        ports = self.port_finder()
        return make_plan(
            graph,
            lock,
            self.store,
            sources,
            self.journal,
            sample_facts or SampleFacts(),
            ports.crossing,
            self.before,
            self.pace or read_pace(self.workspace),
            self.proxies().sha(lock.adapters),
        )

    def proxies(self) -> Proxies:
        """The photos of anything that the graph names."""
        return Proxies(self.graph, self.folder, self.workspace)

    def alone(
        self, wait: bool = False, told: Callable[[str], None] | None = None
    ) -> AbstractContextManager[RunLock | None]:
        """No other run changes what has been built while this is entered; None for a network in memory.

        Args:
            wait: For one that is at work; else it is refused.
            told: Once, for whom it waits.
        """
        if self.workspace is None:
            return nullcontext()
        path = self.workspace.run_lock(self.graph.name)
        return RunLock(path, wait, told, beginning=self.workspace.writing)

    def port_finder(self) -> PortFinder:
        """Finds what crosses at the teachers' cuts; what was found is kept."""
        file = None if self.workspace is None else self.workspace.found_out("ports.json")
        return PortFinder(self.graph, self.sources, file)

    def with_modules(self, found: PlannedNetwork, needed: Iterable[str], make: Callable[[], _Made]) -> _Made:
        """Make something of modules that are put into the store first, from their teachers, if it lacks them.

        What reads them verifies them, so that nothing is read twice; if it finds one damaged, all are
        verified and mended, and it is made again.

        Args:
            found: Of the network.
            needed: Content hashes.
            make: Reads them.

        Raises:
            StoreError: A module is missing or damaged, and its teacher gives no other.
        """
        needed = set(needed)
        store_blobs(needed, self.sources, found.teachers, self.store)
        try:
            return make()
        except DamagedError as error:
            mend_blobs(needed, self.sources, found.teachers, self.store)
            try:
                return make()
            except DamagedError:
                raise  # another one, which is none of those that teachers give
            except StoreError:
                raise error from None  # it is not, and was set aside


def modules_of(lock: Lock, paths: Iterable[str]) -> set[str]:
    """The content hashes of the category and task modules of some paths, as they were cut."""
    pairs = [split_path(path) for path in paths]
    return {lock.categories[category].module for category, _ in pairs} | {
        lock.tasks[task].module for _, task in pairs
    }


def expect_teacher(graph: Graph, path: str) -> str:
    """The teacher of a path.

    Raises:
        SelectError: No such path, or no teacher for it.
    """
    name = find_edge(graph, path).teacher
    if name is None:
        raise SelectError(f"{path}: no teacher has this category and task; expected one; add it")
    return name


def find_source(graph: Graph, sources: Sources, name: str) -> TeacherSource:
    """A teacher by name.

    Raises:
        SelectError: No such teacher.
    """
    if name not in sources:
        there = f"teachers are {listed(list(sources))}" if sources else "there are none yet"
        raise SelectError(
            f"{graph.name}: no teacher '{name}'; {there}; name one that exists.{did_you_mean(name, sources)}"
        )
    return sources[name]
