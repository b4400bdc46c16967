"""A plan file is carried out exactly, or refused since the world changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from legonet.errors import PlanError
from legonet.plan.facts import StoredAdapter
from legonet.plan.plan import Plan, PlannedEdge
from legonet.plan.plan_file import is_plan, plan_text, read_plan

PLAN = Plan(
    "zoo",
    (
        PlannedEdge("cat:classify", "native", "cat-v1 gives both"),
        PlannedEdge("dog:classify", "add", "dog-v1 arrived", key="a" * 64),
        PlannedEdge("cow:classify", "keep", "nothing changed", key="b" * 64),
        PlannedEdge("dog:segment", "open", "no teacher"),
        PlannedEdge("fox:classify", "remove", "no longer used"),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "plans" / "plan.json"
    file.parent.mkdir()
    file.write_text(plan_text(PLAN, tmp_path / "graphs" / "zoo.yaml", file, {"dog:classify": "photos"}))
    return file


def changed(place: int, **changes: object) -> Plan:
    edges = list(PLAN.edges)
    edges[place] = edges[place]._replace(**changes)
    return replace(PLAN, edges=tuple(edges))


def test_it_names_the_graph_and_the_samples(path: Path) -> None:
    assert is_plan(path)
    read = read_plan(path)
    assert read.graph.resolve() == (path.parents[1] / "graphs" / "zoo.yaml").resolve()
    assert read.samples == {"dog:classify": str(Path("photos").absolute())}


def test_the_same_world_is_accepted(path: Path) -> None:
    read_plan(path).accept(PLAN)
    read_plan(path).accept(changed(1, reuse=StoredAdapter("x:classify", "c" * 64)))


def test_what_is_done_already_is_no_difference(path: Path) -> None:
    done = changed(1, action="keep")
    read_plan(path).accept(replace(done, edges=done.edges[:-1]))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            changed(1, key="c" * 64, reason="seed changed"),
            "dog:classify: key aaaaaaaaaa was planned, now it is cccccccccc: seed changed",
        ),
        (
            changed(2, action="refit", reason="its adapter is not in the store"),
            "cow:classify: keep was planned, now it is refit: its adapter is not in the store",
        ),
        (changed(3, action="native", reason="x"), "dog:segment: open was planned, now it is native: x"),
        (replace(PLAN, edges=PLAN.edges[1:]), "cat:classify: native was planned; there is no such path now"),
        (
            replace(PLAN, edges=(*PLAN.edges, PlannedEdge("hen:classify", "add", "hen-v1 arrived", key="d"))),
            "hen:classify: add was not planned: hen-v1 arrived",
        ),
    ],
)
def test_another_world_is_refused(path: Path, plan: Plan, message: str) -> None:
    with pytest.raises(PlanError, match="has changed since it was planned") as caught:
        read_plan(path).accept(plan)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a plan file"),
        ("[", "expected a plan file"),
        ('{"legonet-plan": 2, "file": "x", "edges": []}', "legonet-plan"),
        (
            '{"legonet-plan": 1, "file": "x", "edges": [{"path": "a:b", "action": "dance"}]}',
            r"edges\[0\].action",
        ),
    ],
)
def test_other_files(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(PlanError, match=message):
        read_plan(path)


def test_no_file(tmp_path: Path) -> None:
    assert not is_plan(tmp_path / "none")
    with pytest.raises(PlanError, match="none: no such file; expected a plan file; make the plan"):
        read_plan(tmp_path / "none")


def test_its_text_is_plain_json(path: Path) -> None:
    data = json.loads(path.read_text())
    assert data["edges"] == PLAN.data()["edges"]
