"""What the costly files of `python -m benchmarks fuzz --costly` came upon, in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

pytest.importorskip("resource")

from benchmarks.fuzz.bombs import MIB, bombs
from benchmarks.fuzz.format import Format
from benchmarks.fuzz.run import SECONDS, Fuzzed, _format
from legonet.errors import GraphError, PlanError
from legonet.graph.checks import written
from legonet.graph.load import load_graph
from legonet.graph.lock import read_lock
from legonet.graph.reading.parsed import MOST_SECONDS
from legonet.plan.plan_file import _File, read_plan


def test_a_text_that_is_not_closed_costs_what_it_is_long(tmp_path: Path) -> None:
    """It took a gigabyte for 8 MiB, which the process of the fuzzer may not have."""
    path = tmp_path / "zoo.json"
    path.write_bytes('"\U0001f600'.encode() + b"a" * (8 * MIB - 5))
    each, found = Format(".json", [b""], lambda seed, _: seed, lambda _: load_graph(path)), Fuzzed(0)
    assert _format("text", each, range(1), tmp_path, found, None) == {"refused": 1}, found.findings


def test_a_plan_of_too_many_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = {"path": "dog:classify", "action": "add", "key": "a" * 64}
    path = tmp_path / "zoo.plan"
    path.write_text(json.dumps({"legonet-plan": 1, "file": "zoo.yaml", "edges": [edge] * 20}))
    assert len(read_plan(path).edges) == 1
    monkeypatch.setattr("legonet.graph.in_parts.MOST_VALUES", 40)
    with pytest.raises(PlanError, match="expected a plan file"):
        read_plan(path)


def test_edges_that_are_all_wrong_are_one_mistake() -> None:
    with pytest.raises(ValidationError) as raised:
        _File.model_validate({"legonet-plan": 1, "file": "zoo.yaml", "edges": list(range(1000))})
    assert raised.value.error_count() == 1


def test_the_place_of_a_mistake_is_not_looked_for_in_a_large_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zoo.lock.json"
    path.write_text("[" * 2000)
    with pytest.raises(GraphError, match="nested deeper"):
        read_lock(path)
    monkeypatch.setattr(written, "MOST_VALUES", 1000)
    monkeypatch.setattr(written.json_text, "compose", None)
    with pytest.raises(GraphError, match=r"0\.0 MiB of something else; expected a lock file"):
        read_lock(path)
    for before, line in (("", 1), ("{\n  ", None), ("{\n", 2)):
        path.write_text(f"{before}<<<<<<< HEAD\n" + "[" * 2000)
        said = f"zoo.lock.json:{line}:1: a merge conflict; " if line else "of something else"
        with pytest.raises(GraphError, match=said):
            read_lock(path)


def test_what_is_read_is_checked_in_the_rest_of_the_time() -> None:
    assert MOST_SECONDS + 1 <= SECONDS


def test_every_costly_file_is_of_a_format_that_is_known(tmp_path: Path) -> None:
    """Those that take no time to make are; the others are made when somebody asks for them."""
    from benchmarks.fuzz import bombs as module
    from benchmarks.fuzz.formats import formats

    known = formats(tmp_path)
    assert {kind for kind, _, _ in module._all()} <= known.keys()
    name, each = next(
        bombs({kind: Format(".x", [], lambda s, _: s, Path.read_bytes) for kind in known}, tmp_path)
    )
    assert name == "graph.yaml: keys"
    assert each.read(tmp_path / "none") is None
    assert (tmp_path / "bomb.x").stat().st_size == 8 * MIB
