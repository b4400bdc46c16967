"""The page of the graph file's entries, from the JSON Schema that editors read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from legonet.graph.json_schema import graph_schema


def pages(_root: Path) -> dict[str, str]:
    """Make the page, and the schema as a file."""
    schema = graph_schema()
    objects = {"": schema, **schema["$defs"]}
    lines = [
        "# Every entry of a graph file",
        "",
        "[The graph file](../graph-file.md) shows one whole. Below is all that may stand in it, as "
        "[the JSON Schema](graph.schema.json) has it, which `legonet schema` prints and editors read.",
    ]
    for name, each in objects.items():
        if each.get("properties"):
            lines += ["", *_section(name, each)]
        elif name:
            lines += ["", f"## {name} {{#{name}}}", "", _words(each), "", f"{_kind(each)}."]
    made = {"reference/entries.md": "\n".join(lines) + "\n"}
    return made | {"reference/graph.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"}


def _section(name: str, schema: Mapping[str, Any]) -> list[str]:
    needed = schema.get("required", ())
    rows = [
        f"| `{key}` | {_kind(each)} | {_default(each, key in needed)} | {_words(each)} |"
        for key, each in schema["properties"].items()
    ]
    return [
        f"## {name or 'The file'} {{#{name or 'file'}}}",
        "",
        _words(schema),
        "",
        "| entry | takes | default | |",
        "| --- | --- | --- | --- |",
        *rows,
    ]


def _default(schema: Mapping[str, Any], needed: bool) -> str:
    if needed:
        return "needed"
    default = schema.get("default")
    return "" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"


def _words(schema: Mapping[str, Any]) -> str:
    return " ".join(schema.get("description", "").split()).replace("|", "\\|").replace("{", "&#123;")


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    for many in ("anyOf", "oneOf", "allOf"):
        if many in schema:
            kinds = dict.fromkeys(_kind(each) for each in schema[many] if each.get("type") != "null")
            return " or ".join(kinds)
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "any")
    if kind == "array":
        items = schema.get("items")
        if isinstance(items, list):
            return "a list: " + ", ".join(_kind(each) for each in items)
        return f"a list of {_kind(items)}" if items else "a list"
    if kind == "object":
        below = schema.get("additionalProperties") or next(
            iter(schema.get("patternProperties", {}).values()), None
        )
        return f"a mapping of names to {_kind(below)}" if isinstance(below, Mapping) else "a mapping"
    if kind in ("integer", "number"):
        words = "a whole number" if kind == "integer" else "a number"
        bounds = [
            f"{sign} {schema[key]}"
            for key, sign in (
                ("minimum", "≥"),
                ("exclusiveMinimum", ">"),
                ("maximum", "≤"),
                ("exclusiveMaximum", "<"),
            )
            if key in schema
        ]
        return " ".join([words, " and ".join(bounds)]).strip()
    return {"string": "a text", "boolean": "true or false", "null": "nothing"}.get(kind, str(kind))
