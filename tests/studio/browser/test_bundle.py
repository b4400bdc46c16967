"""The built page: small, of its own origin, built of the source beside it, typed as the server speaks."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel

from legonet.studio import models
from legonet.studio.models import exports, graph, plan, runs, teachers, trial
from legonet.studio.models.base import Cost, ProblemData

PAGE = Path(models.__file__).parents[1] / "page"
STATIC = PAGE.with_name("static")
LARGEST = 450_000

INTERFACES: dict[str, type[BaseModel]] = {
    "Problem": ProblemData,
    "Cost": Cost,
    "Category": graph.Brick,
    "Task": graph.TaskBrick,
    "Teacher": graph.TeacherBrick,
    "Edge": graph.Edge,
    "Point": graph.Place,
    "Measuring": graph.Measuring,
    "State": graph.State,
    "Target": graph.Target,
    "Diff": graph.Diff,
    "DiffEntry": graph.DiffEntry,
    "Totals": plan.Totals,
    "Plan": plan.PlanData,
    "Plans": plan.Plans,
    "Job": runs.Job,
    "Run": runs.Run,
    "Upload": teachers.Upload,
    "Found": teachers.FoundWeights,
    "Cut": teachers.CutData,
    "Inspected": teachers.Inspected,
    "Sample": trial.Sample,
    "Seen": trial.Said,
    "PathResult": trial.PathResult,
    "Prediction": trial.Predicted,
    "Export": exports.Export,
}


def built() -> dict[str, bytes]:
    return {str(each.relative_to(STATIC)): each.read_bytes() for each in STATIC.rglob("*") if each.is_file()}


def test_the_bundle_is_small() -> None:
    assert {"index.html", "assets/studio.js", "assets/index.css", "assets/licenses.md"} <= built().keys()
    assert sum(map(len, built().values())) <= LARGEST


def test_the_page_needs_nothing_that_a_strict_policy_refuses() -> None:
    html = (STATIC / "index.html").read_text()
    assert all(" src=" in script for script in re.findall(r"<script[^>]*>", html))
    assert "<style" not in html
    assert not re.search(r"\sstyle=|\son\w+=", html)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)
    assert not re.search(rb"url\(\s*['\"]?(?:https?:)?//|@import", built()["assets/index.css"])
    for name in ("preact", "@xyflow/react"):
        assert name.encode() in built()["assets/licenses.md"]


def test_the_bundle_is_built_of_the_source(tmp_path: Path) -> None:
    vite = PAGE / "node_modules" / "vite" / "bin" / "vite.js"
    node = shutil.which("node")
    if node is None or not vite.is_file():
        pytest.skip("needs Node, and `npm ci` in legonet/studio/page")
    command = [node, str(vite), "build", "--outDir", str(tmp_path / "static"), "--logLevel", "error"]
    subprocess.run(command, cwd=PAGE, check=True, timeout=120)
    again = {
        str(each.relative_to(tmp_path / "static")): each.read_bytes()
        for each in (tmp_path / "static").rglob("*")
        if each.is_file()
    }
    assert again.keys() == built().keys()
    assert [name for name in again if again[name] != built()[name]] == []


@pytest.mark.parametrize("name", INTERFACES)
def test_the_types_of_the_page_are_those_of_the_server(name: str) -> None:
    text = (PAGE / "src" / "api" / "types.ts").read_text()
    found = re.search(
        rf"^export interface {name}( extends \w+)? \{{\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    fields = set(re.findall(r"^  (\w+)\??:", found[2], re.MULTILINE))
    inherited = set() if found[1] is None else set(INTERFACES[found[1].split()[1]].model_fields)
    assert fields | inherited == set(INTERFACES[name].model_fields)
