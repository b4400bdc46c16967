"""What fits expect, held against what was measured; the rows are those that `python -m benchmarks.agreement`
wrote."""

from __future__ import annotations

from pathlib import Path

from benchmarks.agreement import Judged, read_judged


def test_an_interval_holds_or_not() -> None:
    assert Judged("cat", (0.95, 0.9, 0.98), 0.9, 0.9, 100).held
    assert not Judged("cat", (0.95, 0.9, 0.98), 0.95, 0.89, 100).held
    assert not Judged("cat", (0.95, 0.9, 0.98), 0.95, 1.0, 100).held


def test_nine_of_ten_intervals_hold() -> None:
    rows = read_judged(Path(__file__).parents[2] / "docs" / "results" / "agreement.jsonl")
    assert len(rows) >= 200
    assert sum(row.held for row in rows) / len(rows) >= 0.9
