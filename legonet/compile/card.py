"""What an application's input and outputs mean, as it travels with an export. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from legonet.graph.schema import Graph, VectorOutput
from legonet.graph.select import split_path


@dataclass(frozen=True)
class OutputCard:
    """What one path gives.

    Attributes:
        kind: `binary`: one score, positive for the second label. `mask`: a score per pixel and label; of
            one label, positive for its pixels. `vector`: numbers.
        labels: of the kind, or the names of the numbers.
        category: what people call the path's category.
    """

    kind: Literal["binary", "mask", "vector"]
    labels: tuple[str, ...]
    category: str


@dataclass(frozen=True)
class Card:
    """What a compiled network takes and gives.

    Attributes:
        name: of the network that it is a part of.
        input: (channels, height, width) of images in [0, 1].
        mean: subtracted from each channel by the network itself; None if it does not.
        std: each channel is divided by it after that, likewise.
        outputs: by path.
    """

    name: str
    input: tuple[int, int, int]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    outputs: Mapping[str, OutputCard]

    def data(self) -> dict[str, Any]:
        """The card as plain data."""
        return asdict(self) | {"outputs": {path: asdict(each) for path, each in self.outputs.items()}}


def make_card(graph: Graph, paths: Iterable[str]) -> Card:
    """The card of some paths of a graph."""
    outputs = {}
    for path in paths:
        category, task = split_path(path)
        meaning = graph.tasks[task].output
        label = graph.categories[category].label or category
        names = meaning.names if isinstance(meaning, VectorOutput) else meaning.labels
        labels = tuple(each.replace("{category}", label) for each in names)
        outputs[path] = OutputCard(meaning.kind, labels, label)
    return Card(graph.name, graph.input.shape, graph.input.mean, graph.input.std, outputs)
