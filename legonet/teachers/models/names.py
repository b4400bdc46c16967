"""Modules and functions of Python by name, looked up without running any code of theirs."""

from __future__ import annotations

import ast
import importlib.machinery
import pkgutil
import sys
from collections.abc import Collection, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from legonet.graph.suggest import did_you_mean


def find_module(name: str) -> ModuleSpec | None:
    """A module's place; `importlib.util.find_spec` would run the packages that it is in."""
    spec, path = None, None
    for end in range(1, name.count(".") + 2):
        known = name.split(".")[:end]
        spec = PathFinder.find_spec(".".join(known), path)
        path = _folders(spec)
        if spec is None:
            break
    return spec


def _folders(spec: ModuleSpec | None) -> list[str]:
    """The folders of a package; of one without `__init__.py`, too, which Python's own list would import."""
    places = None if spec is None else spec.submodule_search_locations
    return list(getattr(places, "_path", places) or ())


def no_module(name: str, others: Collection[str] = ()) -> tuple[str, str]:
    """What is wrong with the name of a module that is not there, and a sentence with a similar one, if any.

    Args:
        name: Of the module.
        others: What it may be a misspelling of too.
    """
    parent, _, last = name.rpartition(".")
    if not parent:
        return f"no module '{name}'", did_you_mean(name, [*others, *_modules(None)])
    spec = find_module(parent)
    if spec is None:
        return no_module(parent)
    if last == "py":
        return f"'{name}' is a file", f" Did you mean '{parent}'?"
    found = _modules(_folders(spec))
    return f"{parent} has no module '{last}'", did_you_mean(last, found)


def _modules(path: list[str] | None) -> Iterator[str]:
    if path is None:
        yield from sys.builtin_module_names
    yield from (each.name for each in pkgutil.iter_modules(path) if not each.name.startswith("_"))


def no_function(spec: ModuleSpec, name: str) -> tuple[str, str]:
    """What is wrong with a function that is nowhere in a module's text, and a similar one's name, if any.

    Nothing is if it may be there.
    """
    if not isinstance(spec.loader, importlib.machinery.SourceFileLoader) or spec.origin is None:
        return "", ""
    try:
        tree = ast.parse(Path(spec.origin).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return "", ""
    bound, own = set[str](), list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
            own += [node.name] if node in tree.body else []
        elif isinstance(node, ast.Name):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
    if name in bound or not bound.isdisjoint({"*", "__getattr__", "globals", "exec"}):
        return "", ""
    return f"{spec.name} has no function '{name}'", did_you_mean(name, own)
