"""The pages of the Python reference: every name of `legonet.__all__`, from docstring and signature."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from griffe import Docstring, DocstringSectionKind

import legonet

TITLES = {
    "network": "Networks",
    "bricks": "Bricks and applications",
    "compile": "Compiled networks and predictions",
    "plan": "Plans",
    "run": "Runs",
    "evaluate": "Measuring",
    "outputs": "Outputs and results",
    "methods": "Methods",
    "ops": "Operations",
    "errors": "Errors and warnings",
}
"""Titles of the pages, one for each room of the package; a room that is not listed is called by its name."""

_ROOMS = {"design": "network", "legonet": "network", "distill": "methods", "graph": "outputs"}
"""Rooms whose few public names stand on another's page."""

_LISTS = {
    DocstringSectionKind.parameters: "Arguments",
    DocstringSectionKind.attributes: "Attributes",
    DocstringSectionKind.returns: "Gives",
    DocstringSectionKind.yields: "Gives",
    DocstringSectionKind.raises: "Raises",
}


def rooms() -> dict[str, dict[str, Any]]:
    """All public objects by the room of the package that they come from, in the order of the pages."""
    found: dict[str, dict[str, Any]] = {room: {} for room in TITLES}
    for name in legonet.__all__:
        each = getattr(legonet, name)
        if name == "errors":
            found["errors"] |= {f"errors.{key}": kind for key, kind in _classes_of(each)}
            del found["errors"]["errors.LegonetWarning"]  # has a name of its own
        elif callable(each):
            room = [*each.__module__.split("."), "legonet"][1]
            if name in ("Method", "Edge"):  # a method's base and what its fit is given
                room = "methods"
            found.setdefault(_ROOMS.get(room, room), {})[name] = each
    return found


def _classes_of(module: Any) -> Iterator[tuple[str, type]]:
    for name, each in vars(module).items():
        if inspect.isclass(each) and each.__module__ == module.__name__ and not name.startswith("_"):
            yield name, each


def pages(_root: Path) -> dict[str, str]:
    """Make the pages of the reference."""
    made, overview = (
        {},
        ["# Python", "", "What `import legonet` gives. `legonet.__version__` is its version.", ""],
    )
    for room, objects in rooms().items():
        title = TITLES.get(room, room.capitalize())
        names = ", ".join(f"[`{name}`]({room}.md#legonet.{name})" for name in objects)
        overview += [f"**[{title}]({room}.md)**: {names}", ""]
        parts = [f"# {title}", *(part for name, each in objects.items() for part in _object(name, each))]
        made[f"reference/python/{room}.md"] = "\n\n".join(parts) + "\n"
    return made | {"reference/python/index.md": "\n".join(overview)}


def _object(name: str, each: Any) -> Iterator[str]:
    yield f"## {name} {{#legonet.{name}}}"
    called = f"legonet.{name}"
    if not inspect.isclass(each):
        yield from _described(called, each)
        return
    bases = [f"`{base.__qualname__}`" for base in each.__bases__ if base.__module__ == "legonet.errors"]
    yield from _described(called, each)
    if bases:
        yield f"A kind of {' and '.join(bases)}."
    for key, member in _members(each):
        yield f"### {key} {{#legonet.{name}.{key}}}"
        yield from _described(key, member)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, and those of its bases that are legonet's."""
    seen: set[str] = set()
    for each in kind.__mro__:
        if not each.__module__.startswith("legonet"):
            continue
        for key, member in vars(each).items():
            if key in seen or key.startswith(("_", "model_")):
                continue
            plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if isinstance(plain, property | cached_property) or inspect.isfunction(plain):
                seen.add(key)
                yield key, plain


def _described(called: str, each: Any) -> Iterator[str]:
    if isinstance(each, property | cached_property):
        function = each.fget if isinstance(each, property) else each.func
        gives = inspect.signature(function).return_annotation if function else inspect.Signature.empty
        yield _code(called if gives is inspect.Signature.empty else f"{called}: {_words(gives)}")
        yield from _text(getattr(each, "__doc__", None))
        return
    yield _code(signature(called, each))
    yield from _text(each.__doc__ if not inspect.isclass(each) else inspect.getdoc(each))


def signature(called: str, each: Any) -> str:
    """How an object is called, one argument a line where one line is too short."""
    try:
        found = inspect.signature(each)
    except (TypeError, ValueError):
        return called
    parts: list[str] = []
    for part in found.parameters.values():
        if part.kind is part.KEYWORD_ONLY and not any(each.startswith("*") for each in parts):
            parts.append("*")
        if part.name not in ("self", "cls"):
            parts.append(_argument(part))
    gives = (
        ""
        if inspect.isclass(each) or found.return_annotation is found.empty
        else f" -> {_words(found.return_annotation)}"
    )
    line = f"{called}({', '.join(parts)}){gives}"
    return line if len(line) <= 88 else f"{called}(\n    " + ",\n    ".join(parts) + f",\n){gives}"


def _argument(part: inspect.Parameter) -> str:
    stars = {part.VAR_POSITIONAL: "*", part.VAR_KEYWORD: "**"}.get(part.kind, "")
    typed = "" if part.annotation is part.empty else f": {_words(part.annotation)}"
    equal = " = " if typed else "="
    return f"{stars}{part.name}{typed}" + ("" if part.default is part.empty else f"{equal}{part.default!r}")


def _words(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _text(docstring: str | None) -> Iterator[str]:
    for section in Docstring(inspect.cleandoc(docstring or "")).parse(
        "google", warnings=False, returns_multiple_items=False, returns_named_value=False
    ):
        if section.kind is DocstringSectionKind.text:
            yield _prose(section.value)
        elif section.kind in _LISTS:
            rows = [_row(each) for each in section.value]
            yield "\n".join([f"**{_LISTS[section.kind]}**", "", *rows])
        elif section.kind is DocstringSectionKind.examples:
            yield "**Example**"
            yield from (
                _code(text) if kind is DocstringSectionKind.examples else text for kind, text in section.value
            )
        elif section.kind is DocstringSectionKind.admonition:
            yield f"**{section.title}** {section.value.description}"


def _prose(text: str) -> str:
    """Paragraphs as they are; what is indented is shown as it stands."""
    return re.sub(r"(?m)^```$", "```text", text)


def _row(item: Any) -> str:
    name = getattr(item, "name", "") or str(item.annotation or "")
    words = " ".join(item.description.split())
    return f"- `{name}`: {words}" if name else f"- {words}"
