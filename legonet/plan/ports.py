"""What an adapter joins: the ports of its two modules, and its layers in words. Needs no torch.

A plan does not depend on this, so that it costs nothing until somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from legonet.blocks.adapter_layers import Shape, adapter_chains, bridge_in_words, in_words, sizes
from legonet.graph.output import Maps
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
        maps: The shapes of the maps that cross in a row, where several do; then `shape` is the row's.
    """

    shape: Shape
    own: Shape | None = None
    maps: Maps = ()

    @property
    def parts(self) -> Maps:
        """The shapes of all maps that cross."""
        return self.maps or (self.shape,)

    def data(self) -> dict[str, Any]:
        """Give it as plain data; `maps` only where several cross."""
        return {"shape": self.shape, "own": self.own} | ({"maps": self.maps} if self.maps else {})

    def __str__(self) -> str:
        if self.maps:
            return " + ".join(map(sizes, self.maps))
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
            "gives": self.gives.data(),
            "takes": self.takes.data(),
            "layers": list(self.layers),
        }


def find_ports(graph: Graph, plan: Plan, port_of: Callable[[str], Port]) -> dict[str, Ports]:
    """What the adapters of a plan join.

    Args:
        graph: The graph that the plan was made for, every choice settled.
        plan: Edges that need no adapter are left out.
        port_of: A teacher's port, by its name.

    Returns:
        By path.

    Raises:
        BlockError: Two modules that no adapter joins.
    """
    given, ports, found = givers(graph), dict[str, Port](), dict[str, Ports]()
    layers: dict[tuple[Maps, Maps, Maps, bool, bool, int], tuple[str, ...]] = {}

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
        kind = (gives.parts, below.parts, takes.parts, above, elsewhere, id(spec))
        if kind not in layers:
            words = bridge_in_words(gives.shape, below.shape, edge.path) if elsewhere else []
            if above:
                chains = adapter_chains(spec, below.parts, takes.parts, edge.path)
                for number, (chain, shape) in enumerate(zip(chains, below.parts, strict=True), 1):
                    own = in_words(chain, shape)
                    words += [f"map {number} ({', '.join(own)})"] if below.maps else own
            layers[kind] = tuple(words)
        found[edge.path] = Ports(gives, takes, layers[kind])
    return found
