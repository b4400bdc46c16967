"""The JSON Schema of graph files.

It accepts exactly what the loader accepts at the level of one file's structure. It is printed in draft 7, the
newest that editors' YAML language servers of any age read; explanations walk the one that pydantic writes,
draft 2020-12. Two things are put right in that. Keys of a mapping of names are checked by `propertyNames`,
since `patternProperties` alone lets every other key pass. And a pattern that ends in `$` forbids line breaks
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
DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def graph_schema() -> dict[str, Any]:
    """The JSON Schema of a graph file.

    Returns:
        A fresh document in draft 7 that validators and editors understand.
    """
    return {**_in_draft_7(model_schema(Graph)), "$schema": DRAFT_7}


def _in_draft_7(node: Any) -> Any:
    """A copy, with what draft 7 calls otherwise: arrays of fixed parts, and words beside a reference."""
    if isinstance(node, list):
        return [_in_draft_7(part) for part in node]
    if not isinstance(node, dict):
        return copy.deepcopy(node)
    node = {name: _in_draft_7(value) for name, value in node.items()}
    if isinstance(node.get("prefixItems"), list):
        node["items"] = node.pop("prefixItems")
    if isinstance(node.get("$ref"), str) and len(node) > 1:
        node["allOf"] = [{"$ref": node.pop("$ref")}]
    if isinstance(node.get("discriminator"), dict):  # a word of OpenAPI
        del node["discriminator"]
    return node


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
