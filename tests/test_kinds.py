"""A kind is one file and a line in a table: no other file of the package names it, or imports its module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import legonet
from legonet.cli.app import app
from legonet.compile.passes import PASSES
from legonet.graph.method import METHODS
from legonet.graph.output import OUTPUTS
from legonet.ops.table import ROWS
from legonet.run.executors import EXECUTORS

ROOT = Path(legonet.__file__).parent
# Names that say nothing else anywhere. Others are words of other things too: there, imports are looked at.
DISTINCT = {
    *("distillation", "embedding", "inversion", "jacobian", "keypoints", "multilabel", "ordinary", "ray"),
    "stems",
}
# Files that write graphs of operations themselves, or look for a pattern of some.
GRAPHS = {
    *("ir/lowering.py", "ir/several.py", "ir/cuts.py", "ir/interpreter.py", "blocks/adapter.py"),
    *("compile/normalise.py", "compile/export/calls.py", "distill/enlarge.py", "distill/pullback.py"),
    *("distill/least_squares.py", "distill/alignment/permute.py", "teachers/feature_maps.py"),
    *(f"compile/passes/{name}.py" for name in ("fold_batch_norm", "fold_rescale", "group", "join")),
    *(f"teachers/tracing/{name}.py" for name in ("convert", "functionalise", "layer_functions")),
    *(f"teachers/tracing/{name}.py" for name in ("outputs", "traced")),
}
# What of a kind is a part of its own that others build on, with the file that does.
BUILT_ON = {
    "ordinary": {"plan/inputs.py", "demo/ordinary.py", "demo/table.py"},  # where no teacher is
    "group": {"compile/assemble.py", "compile/build.py"},  # grouped modules are built there
    "batch": {"compile/assemble.py"},  # it joins calls once more
    "stems": {"compile/picture.py", "compile/network.py", "compile/export/source.py"},  # a kind of brick
    "in-place": {"compile/assemble.py"},  # it runs last, again
    "embedding": {"ops/linear.py"},  # an operation
}


def _named(file: Path) -> Iterator[str]:
    """The strings of a file that are no prose, and the modules that it imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.removeprefix("legonet.").replace(".", "/")


@cache
def _all_named() -> dict[str, set[str]]:
    """What each file of the package names."""
    return {str(file.relative_to(ROOT)): set(_named(file)) for file in ROOT.rglob("*.py")}


def elsewhere(kind: str, room: str) -> set[str]:
    """The files outside its room that name a kind."""
    said = {f"{room}/{kind.replace('-', '_')}"}
    said |= {kind} if kind in DISTINCT or "-" in kind or room == "ops" else set()
    return {file for file, named in _all_named().items() if named & said and not file.startswith(f"{room}/")}


@pytest.mark.parametrize(
    ("kinds", "room"),
    [
        (METHODS.names(), "methods"),
        (OUTPUTS.names(), "outputs"),
        (PASSES, "compile/passes"),
        (EXECUTORS, "run/executors"),
    ],
    ids=["method", "output", "pass", "executor"],
)
def test_nothing_else_names_a_kind(kinds: Iterable[str], room: str) -> None:
    found = {kind: elsewhere(kind, room) - BUILT_ON.get(kind, set()) for kind in kinds}
    assert found
    assert {kind: files for kind, files in found.items() if files} == {}


def test_only_what_writes_graphs_names_an_operation() -> None:
    operations = {name for name in ROWS if "." in name or "_" in name}
    assert len(operations) > 150
    assert {(name, file) for name in operations for file in elsewhere(name, "ops") - GRAPHS} == set()


def test_each_command_is_a_file_of_its_name() -> None:
    assert len(app.registered_commands) > 15
    for each in app.registered_commands:
        assert each.callback is not None
        assert each.callback.__module__ == f"legonet.cli.{each.name}"
