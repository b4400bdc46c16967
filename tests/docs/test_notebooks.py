"""The notebooks of the documentation run from top to bottom, and are committed with what they show."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from legonet.distill.fitting import on_samples
from tests.conftest import hurry

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))
whole = on_samples.optimise_on_samples


def few_steps(context: Any, loss: Any, steps: int, learning_rate: float) -> float:
    """The same descent, cut short."""
    return whole(context, loss, min(steps, 20), learning_rate)


def few_times(count: int) -> range:
    """Steps of a training, and seeds."""
    return range(min(count, 2))


def cells(file: Path) -> list[dict[str, Any]]:
    """The cells with code."""
    found = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return [each for each in found if each["cell_type"] == "code"]


def shown(source: str, names: dict[str, Any]) -> str:
    """Run a cell as a notebook does, and give what it shows of the last line's value."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102 - our own
    if not isinstance(last, ast.Expr):
        return ""
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
    draw = getattr(value, "_repr_html_", None)
    return repr(value) if draw is None or isinstance(value, type) else draw()


def test_there_are_three() -> None:
    assert [each.stem for each in NOTEBOOKS] == ["how_many_images", "ship_an_application", "two_teachers"]


@pytest.mark.parametrize("effort", ["little", pytest.param("whole", marks=pytest.mark.slow)])
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_runs(file: Path, effort: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it shows is of the right kinds; figures are not looked at, so that fits may take little effort."""
    names: dict[str, Any] = {"__name__": "__main__"}
    if effort == "little":
        hurry(monkeypatch)
        monkeypatch.setattr(on_samples, "optimise_on_samples", few_steps)
        names["range"] = few_times
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        for cell in cells(file):
            said = shown("".join(cell["source"]), names)
            outputs = [each for each in cell["outputs"] if each["output_type"] == "execute_result"]
            kinds = {"text/html", "text/plain"} if said.startswith("<div") else {"text/plain"}
            assert [set(each["data"]) for each in outputs] == ([kinds] if said not in ("", "None") else [])
    finally:
        sys.modules.pop("model", None)  # that an application was shipped as


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_what_is_committed_was_made_by_one_run(file: Path) -> None:
    found = cells(file)
    assert [each["execution_count"] for each in found] == list(range(1, len(found) + 1))
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"(/tmp|/home|/work|/root|C:\\\\)", text)
    assert not re.search(r'"output_type": "(error)"|Traceback|"name": "stderr"', text)
