from __future__ import annotations

from pathlib import Path

from legonet.plan.diff import PlannedEdge
from legonet.run.journal import Journal

EDGE = PlannedEdge("cat:classify", "add", "new", method="closed-form", key="0" * 64)


def test_how_long_a_path_took(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "journal.sqlite")
    assert journal.seconds("cat:classify") is None
    first, second = journal.begin("zoo"), journal.begin("zoo")
    assert second == first + 1
    journal.job(first, EDGE, "done", 2.5, {"residual": 0.1}, [])
    journal.job(second, EDGE, "done", 1.5, {}, ["a note"])
    journal.job(second, EDGE, "failed", 9.0, {}, [])
    journal.end(second, "failed")
    assert journal.seconds("cat:classify") == 1.5
    assert Journal(tmp_path / "deep" / "journal.sqlite").seconds("cat:classify") == 1.5


def test_nothing_is_made_before_something_is_noted(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_without_a_file_nothing_is_kept() -> None:
    journal = Journal(None)
    journal.job(journal.begin("zoo"), EDGE, "done", 1.0, {}, [])
    assert journal.seconds("cat:classify") is None
