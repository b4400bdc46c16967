"""The examples of docs/extending.md do what is said there; that of an output kind is in tests/outputs."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import typer

from legonet import registration
from legonet.cli import run_app
from legonet.compile.program import Brick, naive_program
from legonet.graph.method import METHODS
from legonet.ir.lowering import lower
from legonet.ir.notation import layers_from_data
from legonet.run.options import RunOptions

DOCS = Path(__file__).parents[1] / "docs" / "extending.md"


def example(section: str) -> str:
    """The section's first block of code."""
    text = DOCS.read_text(encoding="utf-8").split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    assert len(code.splitlines()) < 30
    return code


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], ModuleType]]:
    """Imports a section's example as a module; what it registers is gone after the test."""
    monkeypatch.setattr(registration, "_MODULES", {})
    monkeypatch.syspath_prepend(tmp_path)
    before, made = METHODS.names(), []

    def load(section: str, name: str) -> ModuleType:
        (tmp_path / f"{name}.py").write_text(example(section), encoding="utf-8")
        made.append(name)
        return importlib.import_module(name)

    yield load
    for name in made:
        del sys.modules[name]
    for name in set(METHODS.names()) - set(before):
        METHODS.remove(name)


def test_a_method(module: Callable[..., ModuleType], network: Any) -> None:
    module("A method", "regression_example")
    images = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    def quality(steps: int, executor: str) -> float:
        network.connect("dog", "classify", adapter={"method": {"name": "regression", "steps": steps}})
        planned = {each.path: each for each in network.plan({"dog:classify": (images, None)})}["dog:classify"]
        assert planned.method == "regression"
        assert planned.cost.operations
        options = RunOptions(only=["dog:classify"], executor=executor, workers=2)
        (result,) = network.transplant({"dog:classify": (images, None)}, options=options).results
        return result.quality["loss"]

    few = quality(1, "inline")
    assert quality(40, "inline") < few
    assert quality(41, "process") < few


def test_an_executor(module: Callable[..., ModuleType], network: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        mine = module("An executor", "pool_example").PoolExecutor(pool)
        assert len(network.transplant(executor=mine, options=RunOptions(only=["dog:classify"])).results) == 1
        assert network.transplant(executor=mine).results
    assert not network.plan().changes


def test_a_pass(module: Callable[..., ModuleType]) -> None:
    single_relus = module("A pass", "relus_example").single_relus
    layers: dict[str, Any] = {"conv": {"type": "conv", "in": 3, "out": 3, "kernel": 1}}
    layers |= {name: {"type": "relu"} for name in ("first", "second", "third")}
    graph = lower(layers_from_data(layers)).without_notation()
    bricks = [Brick("categories", "a", graph, {name: name for name in graph.tensors})]
    bricks.append(Brick("tasks", "t", lower(layers_from_data({"relu": {"type": "relu"}}))))
    program = naive_program(bricks, [("a", "t", False)])
    changed = single_relus(program)
    assert list(changed.bricks["categories.a"].graph.steps) == ["conv", "first"]
    assert changed.bricks["tasks.t"] == program.bricks["tasks.t"]


def test_a_command(
    module: Callable[..., ModuleType], graph_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = typer.Typer()
    app.command()(module("A command", "count_example").count)
    for arguments, shown in (([], "3 paths\n"), (["--json"], '{"paths": 3}\n')):
        run_app(app, "count", [str(graph_file), *arguments])
        assert capsys.readouterr().out == shown
