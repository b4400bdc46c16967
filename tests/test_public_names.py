"""What `import legonet` gives, and that it stays light."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import legonet

LIGHT = (
    "legonet",
    "legonet.cli",
    "legonet.bricks.bricks",
    "legonet.compile.choose",
    "legonet.compile.passes",
    "legonet.compile.passes.place",
    "legonet.compile.picture",
    "legonet.compile.grouping_cache",
    "legonet.graph.check",
    "legonet.graph.editing.edit",
    "legonet.methods",
    "legonet.network",
    "legonet.outputs",
    "legonet.plan.diff",
    "legonet.render",
    "legonet.run.jobs",
    "legonet.run.prepare",
    "legonet.run.project",
    "legonet.store.modules",
    "legonet.store.workspace",
    "legonet.teachers.sources.file",
)


PUBLIC = [
    "Application",
    "Bricks",
    "Change",
    "CompiledNetwork",
    "Design",
    "Edge",
    "Evaluation",
    "Explanation",
    "Exported",
    "FittedAdapter",
    "JobCost",
    "Judgement",
    "LegonetWarning",
    "Mask",
    "Measurement",
    "Method",
    "Network",
    "Numbers",
    "Offer",
    "Output",
    "Plan",
    "PlannedEdge",
    "Port",
    "Ports",
    "Prediction",
    "Predictions",
    "Progress",
    "Result",
    "Row",
    "Run",
    "RunOptions",
    "Score",
    "Tuned",
    "Tuning",
    "__version__",
    "errors",
    "export",
    "load",
    "register_method",
    "register_operation",
    "register_output",
]

METHODS = {
    "Application": ["compile", "predict", "render", "save_as"],
    "Bricks": ["ports"],
    "CompiledNetwork": [
        "by_path",
        "explain",
        "forward",
        "predict",
        "results",
        "separate_inputs",
        "train",
        "warm_up",
    ],
    "Design": ["add_category", "add_task", "add_teacher", "connect"],
    "Network": [
        "compile",
        "edge",
        "evaluate",
        "finetune",
        "load",
        "plan",
        "ports",
        "predict",
        "pull",
        "push",
        "record",
        "render",
        "save",
        "project",
        "teacher",
        "to_graphviz",
        "to_networkx",
        "transplant",
        "unadapted",
        "verify",
    ],
    "Plan": ["by_path", "changes", "data", "jobs", "text", "timed"],
    "RunOptions": ["chosen_executor", "limited", "wants"],
}
CLASSES = [name for name in PUBLIC if isinstance(getattr(legonet, name), type)]


def fields(kind: type) -> set[str]:
    """The fields of a dataclass or a named tuple."""
    return {*getattr(kind, "__dataclass_fields__", ()), *getattr(kind, "_fields", ())}


def members(kind: type) -> dict[str, Any]:
    """What a class adds, itself or by bases that are not public themselves, that is public and no field."""
    own = [kind, *(base for base in kind.__mro__[1:] if base.__name__ in ("BuiltNetwork", "DrawnNetwork"))]
    found = {name: each for base in reversed(own) for name, each in vars(base).items()}
    known = fields(kind)
    return {name: each for name, each in found.items() if not name.startswith("_") and name not in known}


def entries(text: str, heading: str) -> set[str]:
    """The names that a section of a docstring explains."""
    _, found, section = text.partition(f"{heading}:\n")
    section = re.split(r"\n\s*\n", section)[0]
    indent = len(section) - len(section.lstrip())
    return set(re.findall(rf"^ {{{indent}}}(\w+): \S", section, re.MULTILINE)) if found else set()


def test_the_names() -> None:
    assert legonet.__all__ == PUBLIC == sorted(PUBLIC)
    for name in legonet.__all__:
        assert getattr(legonet, name) is not None
    assert set(legonet.__all__) <= set(dir(legonet))


def test_the_names_for_type_checkers_are_those_that_are_imported() -> None:
    source = ast.parse(Path(legonet.__file__).read_text())
    block = next(each for each in source.body if isinstance(each, ast.If))
    imported = {
        alias.asname or alias.name: (each.module, alias.name)
        for each in block.body
        if isinstance(each, ast.ImportFrom) and each.module != "os"
        for alias in each.names
    }
    for name in set(PUBLIC) - {"__version__", "errors", "load"}:
        module, attribute = imported[name]
        assert getattr(importlib.import_module(str(module)), attribute) is getattr(legonet, name)


@pytest.mark.parametrize(("name", "expected"), METHODS.items())
def test_the_methods(name: str, expected: list[str]) -> None:
    assert sorted(members(getattr(legonet, name))) == sorted(expected)


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_is_explained(name: str) -> None:
    kind = getattr(legonet, name)
    assert fields(kind) <= entries(kind.__doc__, "Attributes")


@pytest.mark.parametrize("name", [*CLASSES, "export", "load"])
def test_every_parameter_is_explained(name: str) -> None:
    thing = getattr(legonet, name)
    functions = members(thing) if isinstance(thing, type) else {name: thing}
    for method, each in functions.items():
        function = getattr(each, "__func__", each)
        assert each.__doc__, f"{name}.{method} says nothing"
        if inspect.isfunction(function):
            parameters = set(inspect.signature(function).parameters) - {"self", "cls"}
            assert parameters <= entries(each.__doc__, "Args"), f"{name}.{method}"
            gives = function.__annotations__.get("return") != "None"
            assert not parameters or not gives or "Returns:" in each.__doc__, f"{name}.{method}"


def test_options_are_named_wherever_they_are_taken() -> None:
    for left, right, more in (
        (legonet.Application.compile, legonet.Network.compile, {"names", "categories", "tasks"}),
        (legonet.Application.predict, legonet.Network.predict, {"paths"}),
        (legonet.CompiledNetwork.predict, legonet.Network.predict, {"paths", "device"}),
    ):
        known = dict(inspect.signature(right).parameters)
        assert set(known) - set(inspect.signature(left).parameters) == more
        for name, each in inspect.signature(left).parameters.items():
            assert (each.kind, each.default) == (known[name].kind, known[name].default), name


def test_other_names_are_none() -> None:
    with pytest.raises(AttributeError, match="module 'legonet' has no attribute 'netwrok'"):
        legonet.netwrok  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_nothing_light_imports_torch() -> None:
    script = f"""
import importlib, sys
for name in {LIGHT!r}:
    importlib.import_module(name)
    heavy = {{"torch", "torchvision", "ray", "matplotlib"}} & set(sys.modules)
    assert not heavy, (name, heavy)
import legonet
assert legonet.Network and legonet.Plan and legonet.Bricks and legonet.errors and "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
