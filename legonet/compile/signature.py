"""What an application's input and outputs mean, as it travels with an export. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from legonet.graph.address import without_secrets
from legonet.graph.lock import Lock
from legonet.graph.output import Output
from legonet.graph.schema import Graph, Input
from legonet.graph.select import givers, meaning_of, split_path


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
class Origin:
    """Where a teacher that something is made of comes from; None: that is not recorded.

    Attributes:
        licence: The licence of its weights.
        source: An address without passwords, or words.
    """

    licence: str | None
    source: str | None

    def data(self) -> dict[str, str | None]:
        """The origin as plain data."""
        return {"licence": self.licence, "source": self.source}


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
        teachers: Where the teachers come from that it is made of; empty where nothing is recorded of any.
    """

    name: str
    input: tuple[int, int, int]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    outputs: Mapping[str, OutputSignature]
    image: Input | None = None
    images: Mapping[str, Input] = field(default_factory=dict)
    teachers: Mapping[str, Origin] = field(default_factory=dict)

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
            **(
                {"teachers": {name: each.data() for name, each in self.teachers.items()}}
                if self.teachers
                else {}
            ),
        }


def _data(image: Input) -> dict[str, Any]:
    data = {"input": image.shape, "mean": image.mean, "std": image.std}
    return data | _resizing(image)


def _resizing(image: Input) -> dict[str, Any]:
    return {"resize": image.resize, "interpolation": image.interpolation}


def make_signature(graph: Graph, paths: Iterable[str], lock: Lock | None = None) -> Signature:
    """The signature of some paths of a graph.

    Args:
        graph: The network.
        paths: The network's paths.
        lock: Says which teachers gave the modules; default: those that would give them now.
    """
    outputs = {}
    for path in paths:
        category, _ = split_path(path)
        outputs[path] = OutputSignature(meaning_of(graph, path), graph.categories[category].label or category)
    named = {split_path(path)[0]: graph.input_of(split_path(path)[0]) for path in outputs}
    images = {name: image for name, image in named.items() if image != graph.input}
    usual = graph.input
    teachers = origins_of(graph, outputs, lock)
    return Signature(graph.name, usual.shape, usual.mean, usual.std, outputs, usual, images, teachers)


def origins_of(graph: Graph, paths: Iterable[str], lock: Lock | None = None) -> dict[str, Origin]:
    """Where the teachers come from that paths are made of; nothing where that is recorded of none.

    Args:
        graph: The network.
        paths: The network's paths.
        lock: The lock file's content, as for `make_signature`.
    """
    given, pairs = givers(graph), {split_path(path) for path in paths}
    names = {name for name, each in graph.teachers.items() if (each.category, each.task) in pairs}
    for category, task in pairs:
        f, g = (lock.categories.get(category), lock.tasks.get(task)) if lock else (None, None)
        names.add(given.categories[category] or "" if f is None else f.teacher)
        names.add(given.tasks[task] or "" if g is None else g.teacher)
    known = {name: each for name, each in graph.teachers.items() if name in names}
    if not any(each.licence or each.source for each in known.values()):
        return {}
    return {
        name: Origin(each.licence, each.source and without_secrets(each.source))
        for name, each in known.items()
    }
