"""Lists every message of the package that a command can print, as the source has it, to be read in one go.

A message is the text of an error, of a problem or finding, of a warning or log record, of a note, or what is
printed. Values that it has at run time stand in braces.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

import legonet

SOURCE = Path(legonet.__file__).parent
CALLS = {
    "Problem",
    "Finding",
    "_problem",
    "print",
    "show",
    "warning",
    "warn",
    "info",
    "tell",
    "note",
    "unread",
}
"""Functions whose text people read, besides errors; `append` counts where it is of `notes`."""
RETURNED = re.compile(r"(Error|Problem|Finding)\b")
"""What functions return whose calls hold a message's text too."""


class Message(NamedTuple):
    """One message.

    Attributes:
        place: File and line.
        kind: What makes it: the name of the error or function.
        text: What it says.
    """

    place: str
    kind: str
    text: str


def messages(folder: Path = SOURCE) -> Iterator[Message]:
    """Find the messages in the files of a package, in the order of its files and lines."""
    files = [file for file in sorted(folder.rglob("*.py")) if "examples" not in file.parts]
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    makers = CALLS | {name for tree in trees.values() for name in _makers(tree)}
    for file, tree in trees.items():
        found = [
            Message(f"{file.relative_to(folder.parent)}:{node.lineno}", kind, text)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and (kind := _kind(node, makers))
            for text in [_text(node)]
            if " " in text.strip()
        ]
        yield from sorted(dict.fromkeys(found), key=lambda each: int(each.place.rpartition(":")[2]))


def _makers(tree: ast.Module) -> Iterator[str]:
    """Functions that make an error of what they are given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.returns and RETURNED.search(ast.unparse(node.returns)):
            yield node.name


def _kind(call: ast.Call, makers: Set[str]) -> str:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "append" and isinstance(function, ast.Attribute):
        return (
            "note" if "notes" in ast.unparse(function.value) or "said" in ast.unparse(function.value) else ""
        )
    return name if name in makers or name.endswith("Error") else ""


def _text(call: ast.Call) -> str:
    """The texts of a call's arguments, as a report joins them."""
    values = [*call.args, *(each.value for each in call.keywords)]
    return "; ".join(part for each in values if (part := _written(each)))


def _written(node: ast.expr) -> str:
    """An expression's text: what is worked out is its source in braces, and no text is nothing."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _written(part) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
            for part in node.values
            if isinstance(part, ast.Constant | ast.FormattedValue)
        )
    if isinstance(node, ast.IfExp):
        either = [part for part in (_written(node.body), _written(node.orelse)) if part]
        return " | ".join(either)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _written(node.left) + _written(node.right)
    if isinstance(node, ast.Starred):
        return f"{{{ast.unparse(node.value)}}}"
    return ""
