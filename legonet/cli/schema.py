"""`legonet schema`."""

from __future__ import annotations

import json


def schema() -> None:
    """Print the JSON Schema of graph files."""
    from legonet.graph.json_schema import graph_schema

    print(json.dumps(graph_schema(), indent=2, ensure_ascii=False))
