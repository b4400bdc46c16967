"""What an application's input and outputs mean, as it travels with an export. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from legonet.graph.output import Output
from legonet.graph.schema import Graph
from legonet.graph.select import meaning_of, split_path


@dataclass(frozen=True)
class OutputSignature:
    """What one path gives.

    Attributes:
        meaning: What the output of its task means.
        category: What people call the path's category.
    """

    meaning: Output
    category: str

    @property
    def kind(self) -> str:
        """The name of the kind of output."""
        return self.meaning.kind

    @property
    def labels(self) -> tuple[str, ...]:
        """What the output's numbers or maps are called."""
        return self.meaning.channels(self.category)

    def data(self) -> dict[str, Any]:
        """The signature as plain data."""
        return {"kind": self.kind, "labels": self.labels, "category": self.category}


@dataclass(frozen=True)
class Signature:
    """What a compiled network takes and gives.

    Attributes:
        name: The name of the network that it is a part of.
        input: The shape (channels, height, width) of images in [0, 1].
        mean: What the network itself subtracts from each channel; None if it does not.
        std: What it divides each channel by after that, likewise.
        outputs: What outputs mean, by path.
    """

    name: str
    input: tuple[int, int, int]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    outputs: Mapping[str, OutputSignature]

    def data(self) -> dict[str, Any]:
        """The signature as plain data."""
        outputs = {path: each.data() for path, each in self.outputs.items()}
        return {
            "name": self.name,
            "input": self.input,
            "mean": self.mean,
            "std": self.std,
            "outputs": outputs,
        }


def make_signature(graph: Graph, paths: Iterable[str]) -> Signature:
    """The signature of some paths of a graph."""
    outputs = {}
    for path in paths:
        category, _ = split_path(path)
        outputs[path] = OutputSignature(meaning_of(graph, path), graph.categories[category].label or category)
    return Signature(graph.name, graph.input.shape, graph.input.mean, graph.input.std, outputs)
