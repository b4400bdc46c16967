"""The JSON Schema of graph files (draft 2020-12).

It accepts exactly what the loader accepts at the level of one file's structure. Pydantic writes most
of it; two things are put right here. Keys of a mapping of names are checked by `propertyNames`, since
`patternProperties` alone lets every other key pass. And a pattern that ends in `$` forbids line breaks
apart, since some regular expression engines let `$` match before a last one.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from pydantic import BaseModel

from legonet.graph.kinds import Kinds
from legonet.graph.schema import Graph

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def graph_schema() -> dict[str, Any]:
    """The JSON Schema of a graph file.

    Returns:
        A fresh document that validators and editors understand.
    """
    return copy.deepcopy(model_schema(Graph))


def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a strict model, shared between callers: not to be changed.

    Args:
        model: A pydantic model of a file that people write.
    """
    return _made(model, Kinds.made)


@cache
def _made(model: type[BaseModel], kinds: int) -> dict[str, Any]:
    """The schema as of so many changes of the tables of kinds, which its unions are made from."""
    schema = _corrected(model.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, **schema}


def _corrected(node: Any) -> Any:
    if isinstance(node, list):
        return [_corrected(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {key: _corrected(value) for key, value in node.items()}
    patterns = node.get("patternProperties")
    if isinstance(patterns, dict) and node.get("type") == "object":
        del node["patternProperties"]
        ((pattern, value),) = patterns.items()
        node["propertyNames"] = _text({"pattern": pattern})
        node["additionalProperties"] = value
    if node.get("type") == "string" and "pattern" in node:
        return _text(node)
    return node


def _text(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "not": {"pattern": "\\n"}} if node["pattern"].endswith("$") else node
