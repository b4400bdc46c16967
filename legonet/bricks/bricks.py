"""Categories and tasks as objects that `>>` connects to applications. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from legonet.bricks.application import Application
from legonet.bricks.built import expect_built, expect_one_network, ports_of
from legonet.bricks.modular import ModularNetwork
from legonet.errors import SelectError
from legonet.graph.select import select_paths
from legonet.graph.suggest import did_you_mean, listed
from legonet.ops.shapes import show_shape


@dataclass(frozen=True)
class Bricks:
    """Some categories, or some tasks, of a network: what `net["cat", "dog"]` gives.

    Attributes:
        network: The network that they are parts of.
        kind: `categories` or `tasks`.
        names: Their names, in the order in which they were asked for.
    """

    network: ModularNetwork = field(repr=False, compare=False)
    kind: str
    names: tuple[str, ...]

    @property
    def ports(self) -> dict[str, tuple[int, ...] | None]:
        """The shape that each category gives, or each task takes; None where there is no teacher."""
        project = self.network.project()
        return {name: ports_of(project, self.kind, name) for name in self.names}

    def _repr_html_(self) -> str:
        from legonet.notebook import page, table, title

        shown = [(name, "–" if shape is None else show_shape(shape)) for name, shape in self.ports.items()]
        heads = ("category", "gives") if self.kind == "categories" else ("task", "takes")
        return page(title(self.kind.capitalize(), f"of {self.network.graph.name}"), table(heads, shown))

    def __or__(self, other: Bricks) -> Bricks:
        """Give these bricks and the other ones, which have to be of the same kind."""
        if not isinstance(other, Bricks):
            return NotImplemented
        expect_one_network(self, other)
        if other.kind != self.kind:
            raise SelectError(
                f"{listed(self.names)} | {listed(other.names)}: found {self.kind} and {other.kind}; expected "
                "bricks of one kind; connect category and task with >>"
            )
        return Bricks(self.network, self.kind, tuple(dict.fromkeys((*self.names, *other.names))))

    def __rshift__(self, other: Bricks | Application | Iterable[Bricks]) -> Application:
        """Connect each of these categories to each of those tasks.

        Args:
            other: Tasks, as one or several bricks.

        Returns:
            The application of all those paths.

        Raises:
            SelectError: The left side is no category or the right side no task, or a path is not built; the
                message says what is missing, and what would build it.
        """
        right = _together(other)
        if right is None:
            return NotImplemented
        expect_one_network(self, right)
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


def find_bricks(network: ModularNetwork, names: str | tuple[str, ...]) -> Bricks | Application:
    """What `net[...]` gives: categories, tasks, a path or an application.

    Raises:
        SelectError: No such name, or names of several kinds.
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


def _together(given: object) -> Bricks | None:
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
