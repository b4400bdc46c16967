"""The text of a graph file that two sides have a part in: comments of both stay wherever they can."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from legonet.errors import LegonetError
from legonet.graph.editing.dump import dump_yaml, graph_data
from legonet.graph.editing.file_text import graph_text
from legonet.graph.load import parse_graph
from legonet.graph.schema import Graph
from legonet.graph.select import givers
from legonet.sharing.lines import merged

_COMMENT = re.compile(r"(?:^|[ \t])#.*", re.MULTILINE)


@dataclass(frozen=True)
class Side:
    """A graph file as one side has it.

    Attributes:
        text: All of it.
        graph: What it says.
        changed: Whether the text is another than at the last exchange, or that is not known.
    """

    text: str
    graph: Graph
    changed: bool = True


def joined_text(graph: Graph, ours: Side, theirs: Side, file: Path, base: str | None = None) -> str:
    """The text of a joined graph, with the comments of both sides.

    Where both have changed the same lines it is ours, or theirs if no comment of ours is lost by that, with
    the entries of the other. Theirs is taken where ours is as it was at the last exchange, or lacks comments
    that theirs has.

    Args:
        graph: The joined graph.
        ours: As it is here.
        theirs: As it is in the remote.
        file: The graph file.
        base: As it was at the last exchange, where that is known.
    """
    as_json = file.name.lower().endswith(".json")
    both = None if base is None else merged(base, ours.text, theirs.text)
    if both is not None and _says(both, graph, file, as_json):
        return both
    mine, others = _comments(ours.text), _comments(theirs.text)
    take_theirs = theirs.changed and mine <= others and (not ours.changed or mine != others)
    for side in (theirs, ours) if take_theirs else (ours, theirs):
        text = graph_text(graph, side.graph, file, side.text)
        if text is None:
            return side.text
        if _says(text, graph, file, as_json):
            return text
    return json.dumps(graph_data(graph), indent=2) if as_json else dump_yaml(graph)


def _says(text: str, graph: Graph, file: Path, as_json: bool) -> bool:
    """Whether a text is one of a graph; an order of teachers that has other modules given is none."""
    try:
        found = parse_graph(text, str(file), as_json).graph
    except LegonetError:
        return False
    return found == graph and givers(found) == givers(graph)


def _comments(text: str) -> Counter[str]:
    """What looks like a comment, by how often it is there; in a quoted text it may be none."""
    return Counter(each.strip() for each in _COMMENT.findall(text))
