"""A journal that anybody may have written is read as far as it is one, and moved aside otherwise."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from legonet.plan.facts import StoredAdapter
from legonet.plan.plan import PlannedEdge
from legonet.run.journal import MOST_NOTES, JobRecord, Journal

KEY, SHA = "a" * 64, "b" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = Journal(tmp_path / "journal.sqlite")
    run = journal.begin("zoo")
    edge = PlannedEdge("dog:classify", "add", "new", key=KEY, method="auto")
    journal.job(run, JobRecord(edge, "done", 1.5, {"loss": 0.5}, (), SHA, 1, 2**20, 10**9))
    journal.end(run, "done")
    return tmp_path / "journal.sqlite"


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as base, base:
        for statement in statements:
            base.execute(statement)


def test_what_is_good_is_read(path: Path) -> None:
    assert Journal(path).fitted([KEY]) == {KEY: StoredAdapter("dog:classify", SHA, 1, {"loss": 0.5})}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("path", "CAST(X'FFFE' AS TEXT)"),
        ("path", "X'FFFE'"),
        ("method", "X'00'"),
        ("seconds", "'soon'"),
        ("seconds", "X'00'"),
        ("memory", "'much'"),
        ("operations", "1.5"),
        ("quality", "X'FF'"),
        ("adapter", "X'FF'"),
        ("seed", "'x'"),
        ("seed", "1e300"),
    ],
)
def test_values_of_other_types_are_no_jobs_and_the_file_is_moved_aside(
    path: Path, column: str, value: str
) -> None:
    changed(path, f"UPDATE jobs SET {column} = {value}")  # noqa: S608 - of this test
    journal = Journal(path)
    journal.history().estimate("dog:classify", "auto")
    assert set(journal.fitted([KEY])) <= {KEY}
    journal.end(journal.begin("zoo"), "done")
    assert path.with_name("journal.sqlite.damaged").is_file()
    assert "was moved to" in journal.notes[0]
    assert Journal(path).fitted([KEY]) == {}


@pytest.mark.parametrize(
    "quality", ["", "{", "[" * 5000, "3", '{"loss": "low"}', "[]", "9" * 5000, '{"loss": 1%s}' % ("0" * 400)]
)
def test_a_quality_that_is_none_is_no_adapter(path: Path, quality: str) -> None:
    changed(path, f"UPDATE jobs SET quality = '{quality}'")  # noqa: S608
    assert Journal(path).fitted([KEY]) == {}
    assert [job.quality for run in Journal(path).runs("zoo", 5) for job in run.jobs] == [{}]


@pytest.mark.parametrize("adapter", ["", "../../x", "B" * 64, "b" * 63])
def test_an_adapter_that_has_no_address_is_none(path: Path, adapter: str) -> None:
    changed(path, f"UPDATE jobs SET adapter = '{adapter}'")  # noqa: S608
    assert Journal(path).fitted([KEY]) == {}


ENDLESS = (
    "CREATE VIEW jobs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT i AS path, i AS method, i AS seconds, i AS memory, i AS operations, 'none' AS state FROM n"
)


def test_a_view_that_never_ends_is_cut_short(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.run.journal.MOST_SECONDS", 0.05)
    changed(
        path,
        "DROP TABLE jobs",
        ENDLESS,
    )
    journal = Journal(path)
    assert journal.history().estimate("dog:classify", "auto") is None
    journal.end(journal.begin("zoo"), "done")
    assert path.with_name("journal.sqlite.damaged").is_file()


def test_a_value_that_is_longer_than_any_note_is_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of 256 MiB takes seconds to read, and becomes gigabytes of lists."""
    changed(path, f"UPDATE jobs SET notes = '[{'[],' * 1000}1]'")  # noqa: S608
    assert Journal(path).notes_of([KEY]) == {KEY: ()}
    monkeypatch.setattr("legonet.run.journal.LONGEST", 2000)
    journal = Journal(path)
    assert journal.notes_of([KEY]) == {}
    journal.end(journal.begin("zoo"), "done")
    assert path.with_name("journal.sqlite.damaged").is_file()


def test_values_that_are_very_many_are_read_so_far(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        changed(path, "INSERT INTO jobs SELECT * FROM jobs LIMIT 1")
    (whole,) = Journal(path).runs("zoo", 5)
    assert len(whole.jobs) == 4
    monkeypatch.setattr("legonet.run.journal.MOST_TEXT", 100)
    (some,) = Journal(path).runs("zoo", 5)
    assert 0 < len(some.jobs) < 4
    journal = Journal(path)
    journal.end(journal.begin("zoo"), "done")
    assert not journal.notes


def test_what_is_noted_can_be_read_again(path: Path) -> None:
    journal, edge = Journal(path), PlannedEdge("cow:classify", "add", "new", key="c" * 64, method="auto")
    run = journal.begin("zoo")
    journal.job(run, JobRecord(edge, "done", 1.0, notes=("x" * 10**6,) * 100))
    journal.end(run, "done")
    assert len(Journal(path).notes_of(["c" * 64])["c" * 64]) == MOST_NOTES
    again = Journal(path)
    again.end(again.begin("zoo"), "done")
    assert not again.notes


@pytest.mark.parametrize("schema", ["CAST(X'43FFFE' AS TEXT)", "'CREATE'", "X'00'"])
def test_a_schema_that_is_none(path: Path, schema: str) -> None:
    """sqlite complains in words of the file, which need not be text."""
    changed(
        path,
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_master SET sql = {schema} WHERE name = 'jobs'",  # noqa: S608
    )
    journal = Journal(path)
    assert journal.fitted([KEY]) == {}
    journal.end(journal.begin("zoo"), "done")
    assert path.with_name("journal.sqlite.damaged").is_file()
