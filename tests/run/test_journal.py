from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from legonet.plan.cost import JobCost
from legonet.plan.facts import StoredAdapter
from legonet.plan.plan import PlannedEdge
from legonet.run.journal import JobRecord, Journal

EDGE = PlannedEdge("cat:classify", "add", "new", method="closed-form", key="0" * 64)


def estimate(journal: Journal, path: str = "cat:classify", method: str = "closed-form") -> JobCost | None:
    return journal.history().estimate(path, method)


def test_how_long_a_path_took(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "journal.sqlite")
    assert estimate(journal) is None
    first, second = journal.begin("zoo"), journal.begin("zoo")
    assert second == first + 1
    journal.job(first, JobRecord(EDGE, "done", 2.5, {"residual": 0.1}))
    journal.job(second, JobRecord(EDGE, "done", 1.5, notes=("a note",), memory=7, operations=90))
    journal.job(second, JobRecord(EDGE, "failed", 9.0))
    journal.end(second, "failed")
    assert estimate(journal) == JobCost(1.5, 7, "as it took last", 90)
    again = Journal(tmp_path / "deep" / "journal.sqlite")
    assert estimate(again, "dog:classify") == JobCost(2.0, 7, "mean of 2 by closed-form")
    assert estimate(again, method="auto") is None


def test_which_adapter_was_built_for_a_key(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    run = journal.begin("zoo")
    for key, state, adapter in (("a", "done", "1" * 64), ("b", "done", None), ("c", "failed", "3" * 64)):
        edge = EDGE._replace(key=key)
        journal.job(run, JobRecord(edge, state, 1.0, {"residual": 0.1}, adapter=adapter, seed=4))
    keys = [*map(str, range(2000)), "a", "b", "c"]
    assert journal.fitted(keys) == {"a": StoredAdapter("cat:classify", "1" * 64, 4, {"residual": 0.1})}


def test_a_journal_of_an_earlier_version(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE jobs (run INTEGER, path TEXT, key TEXT, method TEXT, state TEXT, seconds REAL, "
            "quality TEXT, notes TEXT)"
        )
        database.execute(
            "INSERT INTO jobs VALUES (1, 'cat:classify', 'k', 'closed-form', 'done', 3.5, '{}', '[]')"
        )
    journal = Journal(path)
    assert journal.fitted(["k"]) == {}
    assert estimate(journal) is None
    journal.end(journal.begin("zoo"), "done")
    assert estimate(journal) == JobCost(3.5, None, "as it took last")
    assert journal.notes == []


def test_nothing_is_made_before_something_is_noted(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_without_a_file_nothing_is_kept() -> None:
    journal = Journal(None)
    journal.job(journal.begin("zoo"), JobRecord(EDGE, "done", 1.0))
    assert estimate(journal) is None
