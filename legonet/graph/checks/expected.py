"""Says in words what a JSON Schema node expects."""

from __future__ import annotations

from typing import Any

from legonet.graph.fields import NAME_PATTERN, PATH_PATTERN, SHA256_PATTERN, TEXT_PATTERN
from legonet.graph.suggest import listed

Node = dict[str, Any]

_PATTERNS = {
    NAME_PATTERN: (
        "a name (at most 64 letters of any script, digits, '_' or '-', the first a letter or digit)"
    ),
    PATH_PATTERN: "a path, written category:task",
    SHA256_PATTERN: "a sha256, 64 digits 0-9 a-f",
}


def expected(node: Node, definitions: Node) -> str:
    """What a node accepts, as it stands after "expected".

    Args:
        node: A node of a JSON Schema.
        definitions: The schema's `$defs`.
    """
    node = resolved(node, definitions)
    if "const" in node:
        return str(node["const"])
    if "enum" in node:
        return listed([str(value) for value in node["enum"]], " or ")
    if "discriminator" in node:
        name = node["discriminator"]["propertyName"]
        return f"a mapping with '{name}: {listed(tags(node), ' or ')}'"
    if branches := node.get("anyOf") or node.get("oneOf"):
        words = [expected(branch, definitions) for branch in branches if branch.get("type") != "null"]
        return ", or ".join(dict.fromkeys(words))
    kind = node.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _range(node)
    if kind == "string":
        return _text(node)
    if kind == "array":
        return _list(node, definitions)
    if kind == "object":
        properties = node.get("properties")
        return f"a mapping with keys such as {listed(list(properties)[:3])}" if properties else "a mapping"
    return "true or false" if kind == "boolean" else "something else"


def tags(node: Node) -> list[str]:
    """The values that tell the branches of a discriminated union apart, in the branches' order."""
    by_branch = {branch: tag for tag, branch in node["discriminator"]["mapping"].items()}
    return [by_branch[branch["$ref"]] for branch in node["oneOf"]]


def resolved(node: Node, definitions: Node) -> Node:
    """The node itself, or the definition that it refers to."""
    while "$ref" in node:
        node = definitions[node["$ref"].removeprefix("#/$defs/")]
    return node


def _range(node: Node) -> str:
    low, high, above = node.get("minimum"), node.get("maximum"), node.get("exclusiveMinimum")
    if above is not None:
        return f" above {above:g}" + (f" and at most {high:g}" if high is not None else "")
    if low is not None and high is not None:
        return f" from {low:,} to {high:,}"
    if low is not None:
        return f" of at least {low:,}"
    return f" of at most {high:,}" if high is not None else ""


def _text(node: Node) -> str:
    pattern = node.get("pattern")
    if pattern in _PATTERNS:
        return _PATTERNS[pattern]
    if pattern not in (None, TEXT_PATTERN):
        return f"text that matches {pattern}"
    words = "text"
    if "maxLength" in node:
        words = f"text of {node.get('minLength', 0)} to {node['maxLength']} characters"
    return words


def _list(node: Node, definitions: Node) -> str:
    parts = node.get("prefixItems")
    if parts:
        return f"a list of {len(parts)}, each {expected(parts[0], definitions)}"
    words = "a list" if node.get("minItems", 0) == 0 else f"a list of {node['minItems']} or more"
    return f"{words}, each {expected(node['items'], definitions)}" if "items" in node else words
