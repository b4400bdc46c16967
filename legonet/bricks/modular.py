"""What bricks need of the network that they are parts of. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.run.project import Project

if TYPE_CHECKING:
    from legonet.compile.network import CompiledNetwork


class ModularNetwork(Protocol):
    """A network of bricks, as `legonet.Network` is one.

    Attributes:
        graph: what the network is.
        lock: what has been built.
        path: its graph file, if it has one.
    """

    graph: Graph
    lock: Lock
    path: Path | None

    def project(self) -> Project:
        """Where the network lives."""
        ...

    @property
    def compile(self) -> Callable[..., CompiledNetwork]:
        """Joins the modules of some paths, as `legonet.Network.compile` does."""
        ...


class Part(Protocol):
    """Some bricks or paths of a network."""

    @property
    def network(self) -> ModularNetwork:
        """That they are parts of."""
        ...
