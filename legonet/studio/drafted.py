"""A draft's network: its project, its plan, and what its parts give and take. Needs no torch for chains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from legonet.errors import LegonetError, Problem
from legonet.graph.lock import Lock, lock_path, read_lock
from legonet.graph.schema import Graph, Teacher
from legonet.graph.select import givers
from legonet.ir.graph import Shape
from legonet.plan.plan import Plan, PlannedEdge
from legonet.plan.ports import Ports, find_ports
from legonet.run.journal import Journal
from legonet.run.planning import PlannedNetwork
from legonet.run.project import Project
from legonet.store.workspace import Workspace
from legonet.teachers.crossing import PortFinder
from legonet.teachers.sources.file import FileTeacher


class Teachers:
    """The teachers' files of one graph file: what was read of them once is known until they change.

    Args:
        path: The graph file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.workspace = path, Workspace.find(path)
        self._known: dict[str, tuple[Teacher, FileTeacher]] = {}

    def of(self, graph: Graph) -> dict[str, FileTeacher]:
        """Those of a graph that need not be what the file says."""
        folder, found = self.path.absolute().parent, dict[str, FileTeacher]()
        for name, each in graph.teachers.items():
            spec, source = self._known.get(name, (None, None))
            if source is None or spec != each:
                source = FileTeacher(name, each, folder, self.workspace)
                self._known[name] = each, source
            found[name] = source
        return found


def open_project(graph: Graph, teachers: Teachers) -> tuple[Project, Lock]:
    """A graph that need not be what its file says, with its file's lock, store and teachers.

    Args:
        graph: The network.
        teachers: Of its file.

    Raises:
        LegonetError: The lock file cannot be read.
    """
    path, workspace = teachers.path, teachers.workspace
    workspace.own(lock_path(path.absolute()))
    journal = Journal(workspace.journal_path)
    folder = path.absolute().parent
    project = Project(graph, workspace.store, teachers.of(graph), journal, workspace, folder=folder)
    return project, read_lock(lock_path(path))


@dataclass(frozen=True)
class Drafted:
    """What is known of a graph.

    Attributes:
        graph: As written.
        lock: What has been built.
        project: Where it lives.
        planned: None where its teachers' files cannot be read.
        ports: What each adapter joins, by path.
        gives: The port of each category.
        takes: The port of each task.
        problems: Why something of this is not known.
    """

    graph: Graph
    lock: Lock
    project: Project
    planned: PlannedNetwork | None
    ports: Mapping[str, Ports]
    gives: Mapping[str, Shape | None]
    takes: Mapping[str, Shape | None]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def plan(self) -> Plan | None:
        """What is to be done."""
        return None if self.planned is None else self.planned.plan

    @property
    def by_path(self) -> Mapping[str, PlannedEdge]:
        """The plan's edges; of a path that stands twice, its own and not what is removed."""
        if self.plan is None:
            return {}
        return {each.path: each for each in self.plan.edges if each.action == "remove"} | self.plan.by_path


def understand(graph: Graph, teachers: Teachers) -> Drafted:
    """Find out what there is to know of a graph; what cannot be found out is a problem, and no error.

    Args:
        graph: The network.
        teachers: Of its file.

    Raises:
        LegonetError: The lock file cannot be read.
    """
    project, lock = open_project(graph, teachers)
    problems: list[Problem] = []
    planned, ports = None, dict[str, Ports]()
    finder = project.port_finder()
    try:
        planned = project.plan(lock)
    except LegonetError as error:
        problems += error.problems
    if planned is not None:
        try:
            ports = find_ports(planned.graph, planned.plan, finder)
        except LegonetError as error:
            problems += error.problems
    given = givers(graph if planned is None else planned.graph)
    gives = {name: _port(finder, teacher, problems) for name, teacher in given.categories.items()}
    takes = {name: _port(finder, teacher, problems) for name, teacher in given.tasks.items()}
    unique = tuple(dict.fromkeys(problems))
    return Drafted(graph, lock, project, planned, ports, gives, takes, unique)


def _port(finder: PortFinder, teacher: str | None, problems: list[Problem]) -> Shape | None:
    if teacher is None:
        return None
    try:
        return finder(teacher).shape
    except LegonetError as error:
        problems += error.problems
        return None
