"""Tests of a file share a process, and so do those of files that share what takes long; long ones begin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.order import Files, long_first


def test_what_shares_something_stays_together() -> None:
    scope: Any = Files._split_scope
    assert scope(None, "tests/graph/test_load.py::TestA::test_b") == "tests/graph/test_load.py"
    sites = {scope(None, f"tests/handbook/{name}.py::test_a") for name in ("test_site", "test_questions")}
    assert len(sites) == 1
    assert scope(None, "tests/demo/test_grow.py::a") == scope(None, "tests/studio/browser/test_demo.py::b")


def test_long_ones_come_first_and_the_others_stay_in_order() -> None:
    names = ["graph/test_load", "ops/test_b", "demo/test_grow", "ops/test_a", "studio/browser/test_runs"]
    items: Any = [SimpleNamespace(nodeid=f"tests/{name}.py::test") for name in names]
    long_first(items)
    found = [item.nodeid.removeprefix("tests/").removesuffix(".py::test") for item in items]
    assert found == [names[place] for place in (4, 2, 0, 1, 3)]
