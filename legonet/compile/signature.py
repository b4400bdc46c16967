"""What an application's input and outputs mean, as it travels with an export. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from legonet.graph.output import Output
from legonet.graph.schema import Graph, Input
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
        image: How photos of any size become such images; None if they have to be images already.
        images: What they become instead for categories that say so, by category.
    """

    name: str
    input: tuple[int, int, int]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    outputs: Mapping[str, OutputSignature]
    image: Input | None = None
    images: Mapping[str, Input] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """The signature as plain data."""
        outputs = {path: each.data() for path, each in self.outputs.items()}
        return {
            "name": self.name,
            "input": self.input,
            "mean": self.mean,
            "std": self.std,
            **({} if self.image is None else _resizing(self.image)),
            **({"images": {name: _data(each) for name, each in self.images.items()}} if self.images else {}),
            "outputs": outputs,
        }


def _data(image: Input) -> dict[str, Any]:
    data = {"input": image.shape, "mean": image.mean, "std": image.std}
    return data | _resizing(image)


def _resizing(image: Input) -> dict[str, Any]:
    return {"resize": image.resize, "interpolation": image.interpolation}


def make_signature(graph: Graph, paths: Iterable[str]) -> Signature:
    """The signature of some paths of a graph."""
    outputs = {}
    for path in paths:
        category, _ = split_path(path)
        outputs[path] = OutputSignature(meaning_of(graph, path), graph.categories[category].label or category)
    named = {split_path(path)[0]: graph.input_of(split_path(path)[0]) for path in outputs}
    images = {name: image for name, image in named.items() if image != graph.input}
    usual = graph.input
    return Signature(graph.name, usual.shape, usual.mean, usual.std, outputs, usual, images)
