"""Bricks in code: categories and tasks as objects that `>>` connects to applications. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from legonet.compile.connect import contents, expect_built, ports_of
from legonet.errors import GraphError, SelectError
from legonet.graph.build import extended
from legonet.graph.edit import add_entries
from legonet.graph.part import concerning
from legonet.graph.select import select_paths, split_path
from legonet.graph.suggest import did_you_mean, listed

if TYPE_CHECKING:
    from legonet.compile.network import CompiledNetwork
    from legonet.network import Network


@dataclass(frozen=True)
class Bricks:
    """Some categories, or some tasks, of a network.

    Attributes:
        kind: `categories` or `tasks`.
        names: in the order that they were asked for.
    """

    network: Network = field(repr=False, compare=False)
    kind: str
    names: tuple[str, ...]

    @property
    def ports(self) -> dict[str, tuple[int, ...] | None]:
        """The shape that each category gives, or each task takes; None without a teacher to tell."""
        return {name: ports_of(self.network, self.kind, name) for name in self.names}

    def __or__(self, other: Bricks) -> Bricks:
        """These and the other ones, of the same kind."""
        if not isinstance(other, Bricks):
            return NotImplemented
        _expect_one_network(self, other)
        if other.kind != self.kind:
            raise SelectError(
                f"{listed(self.names)} | {listed(other.names)}: found {self.kind} and {other.kind}; expected "
                "bricks of one kind; connect category and task with >>"
            )
        return Bricks(self.network, self.kind, tuple(dict.fromkeys((*self.names, *other.names))))

    def __rshift__(self, other: Bricks | Iterable[Bricks]) -> Application:
        """Connect each of these categories to each of those tasks.

        Raises:
            SelectError: the left side is no category or the right side no task, or a path is not built; the
                message says what is missing, and what would build it.
        """
        right = _together(other)
        if right is None:
            return NotImplemented
        _expect_one_network(self, right)
        categories, tasks = self._taken_as("categories"), right._taken_as("tasks")
        if (categories.kind, tasks.kind) != ("categories", "tasks"):
            raise SelectError(
                f"{listed(self.names)} >> {listed(right.names)}: found {self.kind} >> {right.kind}; expected "
                'categories >> tasks; write such as net["cat"] >> net["classify"]'
            )
        paths = [f"{category}:{task}" for category in categories.names for task in tasks.names]
        expect_built(self.network, paths)
        return Application(self.network, tuple(paths))

    def _taken_as(self, kind: str) -> Bricks:
        """These names as bricks of a kind, where the network has both; the side of >> says which is meant."""
        known = getattr(self.network.graph, kind)
        return replace(self, kind=kind) if all(name in known for name in self.names) else self


@dataclass(frozen=True, eq=False)
class Application:
    """Some paths of a network, as a value: equal to another one of the same paths, in whatever order.

    Those of two networks, such as of two versions of one, are compared by what their paths are made of, too:
    they are equal if their modules and adapters are, bit for bit.
    """

    network: Network = field(repr=False)
    paths: tuple[str, ...]
    chosen: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep each path once."""
        object.__setattr__(self, "paths", tuple(dict.fromkeys(self.paths)))
        object.__setattr__(self, "chosen", frozenset(self.paths))

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __contains__(self, path: object) -> bool:
        return path in self.chosen

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Application):
            return NotImplemented
        left, right = self._compared(other)
        return left == right

    def __hash__(self) -> int:
        return hash(self.chosen)

    def _compared(self, other: Application) -> tuple[frozenset[object], frozenset[object]]:
        """Both as sets: of paths, or where there are two networks of paths and what they are made of."""
        if self.network is other.network:
            return frozenset(self.chosen), frozenset(other.chosen)
        left, right = (frozenset(contents(each.network, each.paths).items()) for each in (self, other))
        return left, right

    def __or__(self, other: Application) -> Application:
        """All paths of both."""
        if not isinstance(other, Application):
            return NotImplemented
        _expect_one_network(self, other)
        return Application(self.network, (*self.paths, *other.paths))

    def __and__(self, other: Application) -> Application:
        """The paths that both have."""
        if not isinstance(other, Application):
            return NotImplemented
        return Application(self.network, tuple(path for path in self.paths if path in other.chosen))

    def __sub__(self, other: Application) -> Application:
        """The paths that the other one has not."""
        if not isinstance(other, Application):
            return NotImplemented
        return Application(self.network, tuple(path for path in self.paths if path not in other.chosen))

    def __le__(self, other: Application) -> bool:
        """Whether the other one has all these paths."""
        left, right = self._compared(other)
        return left <= right

    def __lt__(self, other: Application) -> bool:
        """Whether the other one has all these paths, and more."""
        left, right = self._compared(other)
        return left < right

    def __rshift__(self, other: object) -> Application:
        """Refuse a third brick: a path ends with its task.

        Raises:
            SelectError: always; the message says how several tasks are connected.
        """
        raise SelectError(
            f"({listed(self.paths)}) >> …: found an application on the left, which ends with its tasks; "
            'expected categories; for several tasks write such as net["cat"] >> net["classify", "segment"]'
        )

    def compile(self, **options: Any) -> CompiledNetwork:
        """Join the paths to one nn.Module; options as of `Network.compile`."""
        return self.network.compile(*self._expect_paths(), **options)

    def save_as(self, name: str) -> None:
        """Keep the paths as a named application of the network, and of its graph file if it has one.

        Raises:
            GraphError: a name that a graph file could not have, or one that is taken.
        """
        save_application(self.network, name, self._expect_paths())

    def render(self, path: str | Path) -> Path:
        """Draw these paths and nothing else; the file's suffix names the format."""
        from legonet.render import render

        network = self.network
        graph = concerning(network.graph, self._expect_paths())
        edges = [edge for edge in network._site().survey(network.lock, graph=graph).plan if edge.path in self]
        pairs = [split_path(each) for each in self.paths]
        kept = {
            "categories": {name: each for name, each in graph.categories.items() if name in dict(pairs)},
            "tasks": {
                name: each for name, each in graph.tasks.items() if name in {task for _, task in pairs}
            },
            "teachers": {
                name: each
                for name, each in graph.teachers.items()
                if f"{each.category}:{each.task}" in self.chosen
            },
            "applications": {},
        }
        return render(graph.model_copy(update=kept), path, lock=network.lock, plan=edges)

    def _expect_paths(self) -> tuple[str, ...]:
        if not self.paths:
            raise SelectError(
                "application: found no path; expected at least one; connect a category to a task"
            )
        return self.paths


def save_application(network: Network, name: str, paths: Iterable[str]) -> None:
    """Add a named application to a network, and to its graph file if it has one.

    Raises:
        GraphError: a name that a graph file could not have, or one of another application.
    """
    from legonet.store.files import write_file

    entry = {"applications": {name: list(paths)}}
    before = network.graph.applications.get(name)
    if before is not None:
        if set(before) == set(entry["applications"][name]):
            return
        raise GraphError(
            f"{network.graph.name}: applications.{name}: is there already, with {listed(list(before))}; "
            "expected a new name; choose another one"
        )
    for kind in ("categories", "tasks"):
        if name in getattr(network.graph, kind):
            raise GraphError(
                f"{network.graph.name}: applications.{name}: found a name that is among the {kind}, so that "
                f"net[{name!r}] is that brick; expected another one; choose one"
            )
    graph = extended(network.graph, entry)
    if network.path is not None:
        text = network.path.read_text(encoding="utf-8")
        as_json = network.path.suffix == ".json"
        write_file(network.path, add_entries(text, entry, str(network.path), as_json).encode())  # type: ignore[arg-type]
    network.graph = graph


def find_bricks(network: Network, names: str | tuple[str, ...]) -> Bricks | Application:
    """What `net[...]` gives: categories, tasks, a path or an application.

    Raises:
        SelectError: no such name, or names of several kinds.
    """
    wanted = (names,) if isinstance(names, str) else names
    graph = network.graph
    if (
        not isinstance(wanted, list | tuple)
        or not wanted
        or not all(isinstance(name, str) for name in wanted)
    ):
        raise SelectError(
            f"{graph.name}[{names!r}]: found no names; expected those of categories, of tasks, or of paths "
            'and applications; write such as net["cat"]'
        )
    for kind, known in (("categories", graph.categories), ("tasks", graph.tasks)):
        if wanted and all(name in known for name in wanted):
            return Bricks(network, kind, tuple(dict.fromkeys(wanted)))
    if wanted and all(":" in name or name in graph.applications for name in wanted):
        paths = select_paths(graph, wanted)
        expect_built(network, paths)
        return Application(network, tuple(paths))
    everything = [*graph.categories, *graph.tasks, *graph.applications]
    strange = next((name for name in wanted if name not in everything and ":" not in name), None)
    if strange is None:
        raise SelectError(
            f"{graph.name}: {listed(list(wanted))}: names of several kinds; expected categories, tasks, or "
            "paths and applications; ask for each kind by itself"
        )
    raise SelectError(
        f"{graph.name}: no brick '{strange}'; categories are {listed(list(graph.categories)) or 'none'}, "
        f"tasks are {listed(list(graph.tasks)) or 'none'}; name one that exists."
        f"{did_you_mean(strange, everything)}"
    )


def _together(given: Bricks | Iterable[Bricks]) -> Bricks | None:
    """One or several bricks as one."""
    if isinstance(given, Bricks):
        return given
    if (
        not isinstance(given, list | tuple)
        or not given
        or not all(isinstance(each, Bricks) for each in given)
    ):
        return None
    first, *others = given
    for each in others:
        first = first | each
    return first


def _expect_one_network(left: Bricks | Application, right: Bricks | Application) -> None:
    if left.network is not right.network:
        raise SelectError(
            f"found parts of two networks, {left.network.graph.name} and {right.network.graph.name}; "
            "expected parts of one; add the other's teachers to it"
        )
