"""The bench of large networks, on a small one."""

from __future__ import annotations

from pathlib import Path

import pytest

import legonet
from benchmarks import opening as bench


def test_a_network_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WIDE", 64)
    monkeypatch.setattr(bench, "REPEATS", 2)
    many, one = (bench.save_many(str(tmp_path / str(count)), count) for count in (4, 2))
    network = legonet.load(many)
    assert len(network.graph.teachers) == 4
    blobs = {path.name for path in (tmp_path / "4" / ".legonet" / "blobs").rglob("*") if path.is_file()}
    assert blobs == {
        each.module for each in (*network.lock.categories.values(), *network.lock.tasks.values())
    }
    assert len(blobs) == 8
    assert all(seconds > 0 for seconds in bench.times(many, one))
