"""The text of a graph file that two sides have a part in: comments of both stay wherever they can."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from legonet.graph.editing.dump import dump_yaml, graph_data
from legonet.graph.editing.file_text import graph_text
from legonet.graph.load import parse_graph
from legonet.graph.schema import Graph
from legonet.graph.select import givers

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


def joined_text(graph: Graph, ours: Side, theirs: Side, file: Path) -> str:
    """The text of a joined graph: ours, or theirs where no comment of ours is lost by that, with the rest.

    Theirs is taken where ours is as it was at the last exchange, or lacks comments that theirs has.

    Args:
        graph: The joined graph.
        ours: As it is here.
        theirs: As it is in the remote.
        file: The graph file.
    """
    mine, others = _comments(ours.text), _comments(theirs.text)
    take_theirs = theirs.changed and mine <= others and (not ours.changed or mine != others)
    as_json = file.name.lower().endswith(".json")
    for side in (theirs, ours) if take_theirs else (ours, theirs):
        text = graph_text(graph, side.graph, file, side.text)
        if text is None:
            return side.text
        # Who arrived first gives a module: an order of teachers that changes that is none.
        found = parse_graph(text, str(file), as_json).graph
        if found == graph and givers(found) == givers(graph):
            return text
    return json.dumps(graph_data(graph), indent=2) if as_json else dump_yaml(graph)


def _comments(text: str) -> Counter[str]:
    """What looks like a comment, by how often it is there; in a quoted text it may be none."""
    return Counter(each.strip() for each in _COMMENT.findall(text))
