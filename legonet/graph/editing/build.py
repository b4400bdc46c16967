"""Builds graphs in code, entry by entry, with a graph file's checks and messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from legonet.errors import GraphError
from legonet.graph.checks.semantics import semantic_problems
from legonet.graph.checks.structure import explain
from legonet.graph.reading.findings import located
from legonet.graph.schema import FORMAT_VERSION, Graph, Input

Entries = Mapping[str, Mapping[str, Any]]


def new_graph(
    name: str,
    shape: Sequence[int],
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    resize: str = "fit",
    interpolation: str = "bilinear",
) -> Graph:
    """A graph without any part.

    Args:
        name: Of the network.
        shape: (channels, height, width) of every image.
        mean: Subtracted from each channel of an image in [0, 1].
        std: Each channel is divided by it after that.
        resize: How a photo of another size becomes an image.
        interpolation: How it is resized.

    Raises:
        GraphError: A name or numbers that a graph file could not have.
    """
    image: dict[str, Any] = {"shape": _plain(shape)}
    image |= {key: _plain(values) for key, values in (("mean", mean), ("std", std)) if values is not None}
    image |= {"resize": resize, "interpolation": interpolation}
    return _checked({"legonet": FORMAT_VERSION, "name": name, "input": image}, "Network")


def read_input(graph: Graph, data: Mapping[str, Any]) -> Input:
    """An image as a graph file describes it.

    Raises:
        GraphError: It could not be in one.
    """
    plain = {"legonet": graph.legonet, "name": graph.name, "input": _plain(data)}
    return _checked(plain, graph.name).input


def extended(graph: Graph, entries: Entries) -> Graph:
    """The graph with more entries; one of a name that is there already takes its place.

    Args:
        graph: As it is.
        entries: Section to name to plain data, such as `{"categories": {"cat": {"label": "Cat"}}}`.

    Raises:
        GraphError: An entry that a graph file could not have; the message lists all problems.
    """
    head = {"legonet": graph.legonet, "name": graph.name, "input": graph.input.model_dump(mode="json")}
    head["input"] = {key: value for key, value in head["input"].items() if value is not None}
    plain = {section: {name: _plain(part) for name, part in new.items()} for section, new in entries.items()}
    added = _checked({**head, **plain}, graph.name)
    merged = {section: {**getattr(graph, section), **getattr(added, section)} for section in plain}
    return graph.model_copy(update=merged)


def _checked(data: dict[str, Any], source: str) -> Graph:
    problems = explain(data, Graph) or semantic_problems(data)
    if problems:
        raise GraphError.of(*located(problems, source))
    return Graph.model_validate(data)


def _plain(value: Any) -> Any:
    """Tuples, ranges and sizes as lists, and mappings as dicts, as a file would give them."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(part) for part in value]
    return value
