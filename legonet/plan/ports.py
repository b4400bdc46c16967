"""What an adapter joins: the ports of its two modules, and its layers in words. Needs no torch.

A plan does not depend on this, so that it costs nothing until somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from legonet.blocks.adapter_layers import Shape, adapter_layers, bridge_in_words, in_words, sizes
from legonet.graph.schema import Graph
from legonet.graph.select import adapter_spec, givers, split_path
from legonet.plan.plan import Plan

_KINDS = {1: "vector", 2: "tokens", 3: "channels last"}


class Port(NamedTuple):
    """The features that cross at a teacher's cut.

    Attributes:
        shape: The shape of the map: (channels, height, width).
        own: The shape that the teacher's own layers have there, if it is no map but a vector, tokens or
            channels last; otherwise None.
    """

    shape: Shape
    own: Shape | None = None

    def __str__(self) -> str:
        if self.own is None:
            return sizes(self.shape)
        return f"{sizes(self.shape)} (of {_KINDS.get(len(self.own), 'a tensor')} {sizes(self.own)})"


class Ports(NamedTuple):
    """The two ports that an adapter joins, and how.

    Attributes:
        gives: The port of the category module.
        takes: The port of the task module.
        layers: The adapter's layers, in words.
    """

    gives: Port
    takes: Port
    layers: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, str]:
        """The two shapes, and the layers between them."""
        return f"{self.gives} -> {self.takes}", ", ".join(self.layers)

    def __str__(self) -> str:
        return ": ".join(self.lines)

    def data(self) -> dict[str, Any]:
        """Give both as plain data, as `legonet plan --json` prints them."""
        return {
            "gives": self.gives._asdict(),
            "takes": self.takes._asdict(),
            "layers": list(self.layers),
        }


def find_ports(graph: Graph, plan: Plan, port_of: Callable[[str], Port]) -> dict[str, Ports]:
    """What the adapters of a plan join.

    Args:
        graph: that the plan was made for, every choice settled.
        plan: edges that need no adapter are left out.
        port_of: a teacher's port, by its name.

    Returns:
        By path.

    Raises:
        BlockError: two modules that no adapter joins.
    """
    given, ports, found = givers(graph), dict[str, Port](), dict[str, Ports]()
    layers: dict[tuple[Shape, Shape, Shape, bool, bool, int], tuple[str, ...]] = {}

    def port(name: str | None) -> Port:
        name = name or ""
        if name not in ports:
            ports[name] = port_of(name)
        return ports[name]

    for edge in plan:
        if edge.action not in ("add", "keep", "refit"):
            continue
        category, task = split_path(edge.path)
        spec = adapter_spec(graph, category, task)
        gives, takes = port(given.categories[category]), port(given.tasks[task])
        elsewhere = "teacher's category module" in edge.inputs
        below = port(edge.teacher) if elsewhere else gives
        above = not elsewhere or edge.inputs["teacher"] != edge.inputs["task module"]
        kind = (gives.shape, below.shape, takes.shape, above, elsewhere, id(spec))
        if kind not in layers:
            words = bridge_in_words(gives.shape, below.shape) if elsewhere else []
            if above:
                chain = adapter_layers(spec, below.shape, takes.shape, edge.path)
                words += in_words(chain, below.shape)
            layers[kind] = tuple(words)
        found[edge.path] = Ports(gives, takes, layers[kind])
    return found
