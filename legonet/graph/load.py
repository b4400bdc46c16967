"""Reads graph files: YAML or JSON text becomes a `Graph`, or a report of everything that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from legonet.errors import GraphError
from legonet.graph.checks.outline import outline, outline_of
from legonet.graph.checks.references import reference_problems
from legonet.graph.checks.semantics import semantic_problems
from legonet.graph.checks.structure import explain
from legonet.graph.checks.written import newer
from legonet.graph.in_parts import validated
from legonet.graph.reading import json_text
from legonet.graph.reading.findings import Finding, format_report, located
from legonet.graph.reading.parsed import Parsed
from legonet.graph.reading.positions import Positions
from legonet.graph.reading.source import decode, read_source
from legonet.graph.schema import Graph


@dataclass(frozen=True)
class LoadedGraph:
    """A graph and where it came from.

    Attributes:
        graph: The graph.
        path: Its file; None for a graph built in code.
        positions: Where each key and value stands in the file; None for a graph built in code.
        source: The file as the user named it, for messages.
    """

    graph: Graph
    path: Path | None = None
    positions: Positions | None = None
    source: str = ""

    @property
    def name(self) -> str:
        """What messages call the graph: its file, else its name."""
        return self.source or (str(self.path) if self.path is not None else self.graph.name)


@dataclass(frozen=True)
class Reading:
    """A file that was read, valid or not.

    Attributes:
        loaded: The graph; None when the structure is not valid.
        problems: What is wrong with the text, the structure and the references.
        source: The file as the user named it.
        positions: Where each key and value stands.
        data: The file's plain data, valid or not.
        path: The file.
    """

    loaded: LoadedGraph | None
    problems: list[Finding]
    source: str
    positions: Positions
    data: Any
    path: Path

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.source

    def report(self, more: list[Finding] | None = None) -> str:
        """All problems, and more found elsewhere, one per line in file order."""
        return format_report([*self.problems, *(more or [])], self.source, self.positions)


def load_graph(path: str | Path) -> LoadedGraph:
    """Read a graph file and check its structure and references.

    Args:
        path: A YAML file, or a JSON file when its name ends in `.json`.

    Returns:
        The graph, with the place of each key and value.

    Raises:
        GraphError: The file cannot be read or is not valid; the message is the whole report, with one
            line for each problem, in file order.
    """
    reading = read_graph(path)
    if reading.problems or reading.loaded is None:
        raise GraphError.of(*located(reading.problems, reading.source, reading.positions))
    return reading.loaded


def read_graph(path: str | Path) -> Reading:
    """Read a graph file and gather its problems, so that others can be added to the report.

    Args:
        path: A YAML file, or a JSON file when its name ends in `.json`.

    Raises:
        GraphError: It cannot be read at all: no such file, not text, not YAML or JSON.
    """
    source = str(path)
    text = read_source(path)
    parsed = _parse(text, source, as_json=source.lower().endswith(".json"))
    graph, problems = _understand(parsed)
    loaded = LoadedGraph(graph, Path(path), parsed.positions, source) if graph is not None else None
    return Reading(loaded, problems, source, parsed.positions, parsed.data, Path(path))


def parse_graph(text: str | bytes, source: str, as_json: bool = False) -> LoadedGraph:
    """A graph from a file's text.

    Args:
        text: YAML or JSON.
        source: What messages call it.
        as_json: The text is JSON.

    Raises:
        GraphError: It is not valid; the message is the whole report.
    """
    parsed = _parse(decode(text, source), source, as_json)
    graph, problems = _understand(parsed)
    if problems or graph is None:
        raise GraphError.of(*located(problems, source, parsed.positions))
    return LoadedGraph(graph, None, parsed.positions, source)


def parse_yaml(text: str | bytes, source: str, as_json: bool = False) -> tuple[Any, Positions]:
    """Plain data of a YAML or JSON text that people wrote, within limits of size, depth and aliases.

    Args:
        text: The file's content, UTF-8 if bytes.
        source: The file's name for messages.
        as_json: The text is JSON.

    Returns:
        Data of dicts with text keys, lists, str, int, finite float, bool and None; and where each key
        and value stands.

    Raises:
        GraphError: Not such a text; the message is the whole report.
    """
    return _parse(decode(text, source, "block or graph file"), source, as_json).or_raise()


def graph_problems(data: Any, positions: Positions) -> list[Finding]:
    """What is wrong with the structure and references of plain data that should be a graph."""
    return _understand(Parsed(data, positions, ""))[1]


def _parse(text: str, source: str, as_json: bool) -> Parsed:
    if as_json:
        return json_text.compose(text, source)
    from legonet.graph.reading import yaml  # not needed for JSON

    return yaml.compose(text, source)


def _understand(parsed: Parsed) -> tuple[Graph | None, list[Finding]]:
    """The graph if its structure is valid, and what is wrong with text, structure and references."""
    data, problems = parsed.data, list(parsed.problems)
    if data is None and not problems:
        advice = "start with 'legonet: 1', or run `legonet init`"
        return None, [Finding((), "the file is empty", "expected a graph", advice, position=(1, 1))]
    if not isinstance(data, dict):
        if not problems:
            found = f"found {parsed.positions.shown((), data)}"
            problems.append(Finding((), found, "expected a graph, a mapping", "start with 'legonet: 1'"))
        return None, problems
    if late := newer(data, Graph):
        return None, [late]  # whatever else it has may be right in that format
    graph: Graph | None = None
    try:
        graph = validated(Graph, data)
    except ValidationError as error:
        wrong = {problem.key for problem in problems}
        structure = [p for p in explain(data, Graph, parsed.positions) if p.key not in wrong]
        if not structure and not problems:  # unreachable while schema and models agree, as tests demand
            structure = [Finding((), f"{len(error.errors())} problems that legonet cannot name")]
        problems += structure
    names = outline_of(graph) if graph is not None else outline(data)
    problems += reference_problems(names)
    problems += semantic_problems(data)
    return graph, problems
