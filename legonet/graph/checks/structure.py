"""Explains where data does not have the structure that a model demands.

Pydantic decides whether data is valid; when it is not, its errors name union branches and Python types.
So the reasons are found again here, by walking the model's JSON Schema along the data, in the words of
the file. Both judge alike; a property test holds them together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pydantic import BaseModel

from legonet.graph.checks.expected import Node, expected, resolved, tags
from legonet.graph.fields import TEXT_PATTERN
from legonet.graph.json_schema import model_schema
from legonet.graph.reading.findings import Finding
from legonet.graph.reading.parsed import MOST_PROBLEMS
from legonet.graph.reading.positions import KeyPath, Positions, printable, shorten, show
from legonet.graph.reading.scalars import BadNumberError, plain
from legonet.graph.suggest import closest, listed

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list, tuple),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int, float),
    "number": (int, float),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OLD_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def explain(data: Any, model: type[BaseModel], positions: Positions | None = None) -> list[Finding]:
    """What is wrong with the structure of data, one problem for each place.

    Args:
        data: Plain data, as `legonet.graph.load.parse_yaml` returns it.
        model: The strict model that should hold it.
        positions: Shows values as the file has them; without it they are shown as they are.

    Returns:
        The problems, as many as are worth knowing; none exactly if the model accepts the data.
    """
    schema = model_schema(model)
    found = _Walk(schema.get("$defs", {}), positions).node(data, schema, ())
    return list(islice(found, MOST_PROBLEMS))


class _Walk:
    def __init__(self, definitions: Node, positions: Positions | None) -> None:
        self.definitions = definitions
        self.positions = positions

    def _found(self, value: Any, key: KeyPath) -> str:
        return self.positions.shown(key, value) if self.positions else show(value)

    def node(self, value: Any, node: Node, key: KeyPath) -> Iterator[Finding]:
        node = resolved(node, self.definitions)
        if "discriminator" in node and isinstance(value, dict):
            yield from self._discriminated(value, node, key)
        elif branches := node.get("anyOf") or node.get("oneOf"):
            yield from self._union(value, branches, node, key)
        elif not self._is(value, node.get("type")):
            yield self._wrong(value, node, key)
        elif isinstance(value, dict):
            yield from self._mapping(value, node, key)
        elif isinstance(value, list | tuple):
            yield from self._list(value, node, key)
        else:
            yield from self._scalar(value, node, key)

    @staticmethod
    def _is(value: Any, kind: str | None) -> bool:
        if kind is None:
            return True
        if isinstance(value, bool):
            return kind == "boolean"
        if kind == "integer" and isinstance(value, float):
            return value.is_integer()
        return isinstance(value, _TYPES[kind])

    def _union(self, value: Any, branches: list[Node], node: Node, key: KeyPath) -> Iterator[Finding]:
        """Go down the branch that is of the value's type; branches of a union differ in type."""
        for branch in branches:
            branch = resolved(branch, self.definitions)
            tagged = "discriminator" in branch
            if (tagged and isinstance(value, dict)) or (not tagged and self._is(value, branch.get("type"))):
                yield from self.node(value, branch, key)
                return
        yield self._wrong(value, node, key)

    def _discriminated(self, value: dict[str, Any], node: Node, key: KeyPath) -> Iterator[Finding]:
        name, mapping = node["discriminator"]["propertyName"], node["discriminator"]["mapping"]
        chosen = value.get(name)
        if name not in value:
            words = f"expected {listed(tags(node), ' or ')}"
            yield Finding((*key, name), "missing", words, "add it", at="key")
        elif not isinstance(chosen, str) or chosen not in mapping:
            what = str(key[-1]) if name == "name" and key else name
            yield self._unknown(chosen, tags(node), what, (*key, name))
        else:
            yield from self.node(value, {"$ref": mapping[chosen]}, key)

    def _mapping(self, value: dict[str, Any], node: Node, key: KeyPath) -> Iterator[Finding]:
        properties: Node = node.get("properties", {})
        others = node.get("additionalProperties", True)
        names = node.get("propertyNames")
        strangers: list[str] = []
        for name in value:
            if not isinstance(name, str):
                found = f"found {show(name)} as a key"
                yield Finding((*key, str(name)), found, "expected text", at="key")
            elif name in properties:
                continue
            elif others is False:
                strangers.append(name)
                yield self._unknown_key(name, properties, key)
            elif isinstance(names, dict) and not self._matches(name, names):
                words = expected({"type": "string", **names}, self.definitions)
                advice = self._composed(name, names) or "rename it"
                yield Finding((*key, name), f"found {show(name)}", f"expected {words}", advice, at="key")
        # A key that is probably misspelt is not missing too; merge keys could hold any.
        meant = {closest(name, properties) for name in strangers[:20]}
        for name in node.get("required", ()):
            if name not in value and name not in meant and "<<" not in strangers:
                part = properties[name]
                about = f" ({part['description']})" if "description" in part else ""
                words = f"expected {expected(part, self.definitions)}{about}"
                yield Finding((*key, name), "missing", words, "add it", at="key")
        for name, part in value.items():
            child = properties.get(name, others) if isinstance(name, str) else True
            if isinstance(child, dict):
                yield from self.node(part, child, (*key, name))

    def _unknown_key(self, name: str, properties: Node, key: KeyPath) -> Finding:
        if name == "<<":
            found = "merge keys are not part of YAML 1.2"
            return Finding((*key, name), found, "expected plain keys", "write the entries out", at="key")
        parts = ("unknown key", f"keys here are {', '.join(properties)}", "rename or remove it.")
        return Finding((*key, name), *parts, at="key", known=tuple(properties), word=name)

    def _list(self, value: Any, node: Node, key: KeyPath) -> Iterator[Finding]:
        parts = node.get("prefixItems", [])
        low, high = node.get("minItems", 0), node.get("maxItems")
        if len(value) < low or (high is not None and len(value) > high):
            words = expected(node, self.definitions)
            yield Finding(
                key, f"found {self._list_found(value, key)}", f"expected {words}", "correct its length"
            )
            return
        for index, part in enumerate(value):
            child = parts[index] if index < len(parts) else node.get("items")
            if isinstance(child, dict):
                yield from self.node(part, child, (*key, index))

    def _list_found(self, value: Any, key: KeyPath) -> str:
        if not value:
            return "an empty list"
        found, count = self._found(value, key), f"a list of {len(value)}"
        return found if found == count else f"{found}, {count}"

    def _scalar(self, value: Any, node: Node, key: KeyPath) -> Iterator[Finding]:
        choices = node.get("enum", [node["const"]] if "const" in node else None)
        if choices is not None:
            if value not in choices and isinstance(only := node.get("const"), str) and "description" in node:
                found, expects = self._found(value, key), f"expected {only} ({node['description']})"
                yield Finding(key, f"unknown {key[-1]} {found}", expects, f"write {only}, or leave it out")
            elif value not in choices:
                yield self._unknown(value, choices, "method" if key[-1:] == ("method",) else "value", key)
        elif isinstance(value, str):
            if not self._matches(value, node):
                yield self._wrong(value, node, key)
        elif not _in_range(value, node):
            yield self._wrong(value, node, key)

    @staticmethod
    def _matches(value: str, node: Node) -> bool:
        if not node.get("minLength", 0) <= len(value) <= node.get("maxLength", len(value)):
            return False
        pattern = node.get("pattern")
        return pattern is None or re.search(pattern.removesuffix("$") + r"\Z", value) is not None

    def _composed(self, value: str, node: Node) -> str:
        """Advice on text that would do if letters with accents were one character each; it looks the same."""
        composed = unicodedata.normalize("NFC", value)
        fits = composed != value and "pattern" in node and self._matches(composed, node)
        return "write each letter with its accent as one character (Unicode's form NFC)" if fits else ""

    def _unknown(self, value: Any, choices: list[Any], what: str, key: KeyPath) -> Finding:
        """A value that is none of a few."""
        found = self._found(value, key)
        known = [str(choice) for choice in choices]
        if isinstance(value, str) and all(isinstance(choice, str) for choice in choices):
            parts = (f"unknown {what} {found}", f"expected {listed(known, ' or ')}", "choose one.")
            return Finding(key, *parts, known=known, word=value)
        if len(choices) == 1:
            return Finding(key, f"found {found}", f"expected {known[0]}", f"write {known[0]}")
        return Finding(key, f"found {found}", f"expected {listed(known, ' or ')}", "choose one")

    def _wrong(self, value: Any, node: Node, key: KeyPath) -> Finding:
        found = self._found(value, key)
        if isinstance(value, str) and len(value) > node.get("maxLength", len(value)):
            found = f"text of {len(value)} characters"
        words = expected(node, self.definitions)
        if node.get("pattern") == TEXT_PATTERN and isinstance(value, str) and _CONTROL.search(value):
            words = "text without line breaks and control characters"
        return Finding(key, f"found {found}", f"expected {words}", self._advice(value, node))

    def _advice(self, value: Any, node: Node) -> str:
        branches = [resolved(branch, self.definitions) for branch in (node, *node.get("anyOf", ()))]
        kinds = {branch.get("type") for branch in branches if "enum" not in branch}
        if isinstance(value, str):
            if composed := self._composed(value, node):
                return composed
            if "boolean" in kinds and value.lower() in _OLD_BOOLEANS:
                return f"write {_OLD_BOOLEANS[value.lower()]}"
            if kinds & {"integer", "number", "boolean"} and not isinstance(_as_plain(value), str):
                return "remove the quotes"
        elif value is None:
            settings = "properties" in node and not node.get("required")
            return "write {} for one without settings" if settings else "complete or remove it"
        elif "string" in kinds and isinstance(value, int | float):
            return "put it in quotes"
        elif kinds == {"object"} and isinstance(value, list | tuple):
            return "write lines 'name: ...' instead of a list"
        if "array" in kinds and not isinstance(value, dict | list | tuple):
            return (
                f"write [{shorten(printable(str(value)), 20)}]" if "items" in node else "write a list [...]"
            )
        return "correct it"


def _in_range(value: Any, node: Node) -> bool:
    if "minimum" in node and value < node["minimum"]:
        return False
    if "exclusiveMinimum" in node and value <= node["exclusiveMinimum"]:
        return False
    return not ("maximum" in node and value > node["maximum"])


def _as_plain(word: str) -> Any:
    try:
        return plain(word)
    except BadNumberError:
        return word
