"""A shipped journal makes sqlite touch no other file."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.run.journal import Journal

PAGE, MAGIC = 4096, bytes.fromhex("d9d505f920a163d7")


def hot(journal: Path, victim: Path) -> None:
    """Write a journal with a transaction that was cut short, which was one of several files' as it says."""
    ours = Journal(journal)
    ours.begin("zoo")
    ours.close()
    with closing(sqlite3.connect(journal, isolation_level=None)) as base:
        base.execute("CREATE TABLE t (x)")
        base.executemany("INSERT INTO t VALUES (?)", [("a" * 500,)] * 400)
        base.execute("PRAGMA cache_size = 5")
        base.execute("BEGIN")
        base.execute("UPDATE t SET x = 'b' || x")  # more than the cache holds, so that both files are written
        rollback, data = journal.with_name(f"{journal.name}-journal").read_bytes(), journal.read_bytes()
    name = str(victim).encode()
    record = struct.pack(">I", 2**30 // PAGE + 1) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
    journal.write_bytes(data)
    journal.with_name(f"{journal.name}-journal").write_bytes(rollback + record)


def test_sqlite_itself_would_delete_another_file(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("the user's")
    hot(tmp_path / "journal.sqlite", victim)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as base:
        assert base.execute("SELECT count(*) FROM t").fetchone() == (400,)
    assert not victim.exists()


def test_ours_does_not(tmp_path: Path) -> None:
    victim, journal = tmp_path / "victim", tmp_path / "journal.sqlite"
    victim.write_text("the user's")
    hot(journal, victim)
    for use in (lambda: Journal(journal).begin("zoo"), lambda: Journal(journal).history()):
        with pytest.raises(StoreError, match=r"journal\.sqlite-journal: names another file"):
            use()
    assert victim.exists()


def test_a_transaction_that_was_cut_short_is_rolled_back(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    hot(journal, tmp_path / "victim")
    rollback = journal.with_name(f"{journal.name}-journal")
    data = rollback.read_bytes()
    rollback.write_bytes(data[: data.rindex(str(tmp_path).encode()) - 4])  # as a kill of ours leaves it
    ours = Journal(journal)
    ours.begin("zoo")
    ours.close()
    with closing(sqlite3.connect(journal)) as base:
        assert base.execute("SELECT count(*) FROM t WHERE x LIKE 'a%'").fetchone() == (400,)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_no_link_is_followed(tmp_path: Path, suffix: str) -> None:
    victim, journal = tmp_path / "victim", tmp_path / "journal.sqlite"
    victim.write_text("the user's")
    Journal(journal).begin("zoo")
    file = journal.with_name(journal.name + suffix)
    file.unlink(missing_ok=True)
    file.symlink_to(victim)
    with pytest.raises(StoreError, match="a link"):
        Journal(journal).begin("zoo")
    assert victim.read_text() == "the user's"
