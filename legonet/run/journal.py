"""The journal: what ran when, for how long, with what result. The lock file never depends on it.

It also knows which stored adapter was built for which key. That makes up for a lock file that a killed run
could not write any more, and brings back adapters whose path was removed and came again.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from legonet.errors import StoreError, bounded
from legonet.graph.fields import SHA256_PATTERN
from legonet.plan.cost import History, Took
from legonet.plan.facts import StoredAdapter
from legonet.plan.plan import PlannedEdge
from legonet.store.sqlite_files import expect_plain

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, graph TEXT NOT NULL, started REAL NOT NULL, finished REAL, state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
    run INTEGER NOT NULL REFERENCES runs(run), path TEXT NOT NULL, key TEXT NOT NULL, method TEXT NOT NULL,
    state TEXT NOT NULL, seconds REAL NOT NULL, quality TEXT NOT NULL, notes TEXT NOT NULL
);
"""
# Columns that journals of earlier versions lack.
_LATER = {"adapter": "TEXT", "seed": "INTEGER", "memory": "INTEGER", "operations": "INTEGER"}
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("path", "key", "method", "state", "quality", "notes"), str),
    **dict.fromkeys(("seed", "memory", "operations"), int | None),
    "seconds": float | int,
    "adapter": str | None,
}
MOST_SECONDS = 5.0  # of one look into a file that anybody may have made
LONGEST = 2**20  # bytes of one value; sqlite refuses to read a longer one
MOST_TEXT = 2**22  # characters that one look takes in
_BROKEN = (sqlite3.Error, ValueError)  # ValueError: a complaint of sqlite that quotes what is no text
_AT_ONCE = 500  # variables of one query
MOST_NOTES = 50  # of a job that are shown
REMEMBERED = 10_000  # jobs that the history is made of


class JobRecord(NamedTuple):
    """What is noted of one job: state is `done` or `failed`."""

    edge: PlannedEdge
    state: str
    seconds: float
    quality: Mapping[str, float] = {}
    notes: tuple[str, ...] = ()
    adapter: str | None = None
    seed: int = 0
    memory: int | None = None
    operations: int | None = None


class JournalJob(NamedTuple):
    """A job of a run that is over, or of one at work: state is `done` or `failed`."""

    path: str
    state: str
    seconds: float
    quality: Mapping[str, float]
    notes: tuple[str, ...]


class JournalRun(NamedTuple):
    """A run: state is `running`, also where it was killed, `done`, `failed` or `interrupted`."""

    run: int
    started: float
    finished: float | None
    state: str
    jobs: tuple[JournalJob, ...]


class Journal:
    """A sqlite file of runs and jobs.

    Args:
        path: The file, made when something is noted; None: nothing is kept.

    Attributes:
        notes: What people should know, such as that a damaged file was set aside.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.notes: list[str] = []
        self._open: sqlite3.Connection | None = None

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            if self._open is not None:
                with self._open:
                    yield self._open
                return
            with closing(self._connect()) as database, database:
                yield database

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What sqlite complains of, as people read it."""
        try:
            yield
        except (*_BROKEN, OSError) as error:
            raise StoreError(
                f"{self.path}: the journal cannot be used ({error}); expected a sqlite file that may be "
                "written to; check its permissions and the free space, or delete it: nothing but the history "
                "of runs is lost"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        if self.path is not None:
            expect_plain(self.path)
            self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path or ":memory:", timeout=30)
        # A power cut may lose the last jobs, which are done again then; it cannot damage the file.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_TABLES)
        there = {row[1] for row in database.execute("PRAGMA table_info(jobs)")}
        for column, kind in _LATER.items():
            if column not in there:
                database.execute(f"ALTER TABLE jobs ADD COLUMN {column} {kind}")
        database.execute("CREATE INDEX IF NOT EXISTS keys ON jobs (key)")
        return database

    def begin(self, graph: str) -> int:
        """Note that a run begins; returns its number. A damaged file is set aside first.

        Raises:
            StoreError: It cannot be written.
        """
        self._mend()
        if self._open is None and self.path is not None:
            with self._told():
                self._open = self._connect()
        with self._connection() as database:
            cursor = database.execute(
                "INSERT INTO runs (graph, started, state) VALUES (?, ?, 'running')", (graph, time.time())
            )
            return int(cursor.lastrowid or 0)

    def _mend(self) -> None:
        """Set a file aside that sqlite cannot read: what it holds can be done without."""
        if self.path is None or not self.path.is_file():
            return
        expect_plain(self.path)
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as database:
                _bound(database)
                found = database.execute("PRAGMA quick_check(1)").fetchone()
                if found == ("ok",) and _is_sound(database):
                    return
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "unable to open" in str(error):  # or not readable: not damaged
                return
        except (sqlite3.DatabaseError, ValueError):
            pass
        aside = self.path.with_name(self.path.name + ".damaged")
        try:
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            self.path.replace(aside)
        except OSError as error:
            raise StoreError(
                f"{self.path}: the journal is damaged and cannot be moved aside ({error.strerror or error}); "
                "expected a sqlite file; delete it: nothing but the history of runs is lost"
            ) from error
        self.notes.append(
            f"{self.path}: the journal was damaged; it was moved to {aside}, and a new one begun"
        )

    def job(self, run: int, record: JobRecord) -> None:
        """Note one job's result."""
        edge = record.edge
        row = {
            "run": run,
            "path": edge.path,
            "key": edge.key or "",
            "method": edge.method or "",
            "state": record.state,
            "seconds": record.seconds,
            "quality": json.dumps(dict(record.quality)),
            "notes": json.dumps([bounded(each) for each in record.notes[:MOST_NOTES]]),
            "adapter": record.adapter,
            "seed": record.seed,
            "memory": record.memory,
            "operations": record.operations,
        }
        columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        with self._connection() as database:
            database.execute(f"INSERT INTO jobs ({columns}) VALUES ({values})", row)  # noqa: S608 - our names

    def end(self, run: int, state: str) -> None:
        """Note that a run ended: state is `done`, `failed` or `interrupted`."""
        with self._connection() as database:
            database.execute(
                "UPDATE runs SET finished = ?, state = ? WHERE run = ?", (time.time(), state, run)
            )
        self.close()

    def close(self) -> None:
        """Give the file back."""
        if self._open is not None:
            with suppress(sqlite3.Error):  # as one file, which can be read without writing beside it
                self._open.execute("PRAGMA journal_mode = DELETE")
            self._open.close()
            self._open = None

    def history(self) -> History:
        """What earlier jobs took; nothing where there is no journal or it cannot be read."""
        query = (
            "SELECT path, method, seconds, memory, operations FROM jobs WHERE state = 'done' "
            "ORDER BY rowid DESC LIMIT ?"
        )
        rows = self._read(query, [(REMEMBERED,)])
        return History.of(Took(*row) for row in reversed(rows) if _is_took(row))

    def fitted(self, keys: Iterable[str]) -> dict[str, StoredAdapter]:
        """The adapters that were fitted for these keys, of whatever graph of the workspace."""
        found = {}
        for key, *row in self._done("path, adapter, seed, quality", keys, "adapter IS NOT NULL"):
            with suppress(ValueError, TypeError, RecursionError):  # somebody else's row: no adapter of ours
                found[key] = _stored(*row)
        return found

    def runs(self, graph: str, most: int) -> list[JournalRun]:
        """The last runs of a network, the newest first; those of a damaged journal are left out."""
        query = "SELECT run, started, finished, state FROM runs WHERE graph = ? ORDER BY run DESC LIMIT ?"
        rows = [row for row in self._read(query, [(graph, most)]) if _is_run(row)]
        jobs: dict[int, list[JournalJob]] = {run: [] for run, *_ in rows}
        query = "SELECT path, state, seconds, quality, notes FROM jobs WHERE run = ? ORDER BY rowid LIMIT ?"
        for run, found in jobs.items():
            for path, state, seconds, quality, notes in self._read(query, [(run, REMEMBERED)]):
                if isinstance(path, str) and isinstance(state, str) and _is_time(seconds):
                    found.append(JournalJob(path, state, seconds, _measures(quality), _listed(notes)))
        return [
            JournalRun(run, started, finished, state, tuple(jobs[run]))
            for run, started, finished, state in rows
        ]

    def notes_of(self, keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """What was noted of the last job that was done for each of these keys."""
        return {key: _listed(notes) for key, notes in self._done("notes", keys) if isinstance(key, str)}

    def _done(self, columns: str, keys: Iterable[str], where: str = "TRUE") -> Iterator[tuple]:
        """The key and some columns of the jobs that were done for these keys, the oldest first."""
        wanted = list(keys)
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            query = (
                f"SELECT key, {columns} FROM jobs WHERE state = 'done' AND {where} "  # noqa: S608 - our names
                f"AND key IN ({marks}) ORDER BY rowid"
            )
            yield from self._read(query, [part])

    def _read(self, query: str, values: Iterable[Iterable[object]]) -> list[tuple]:
        """Rows of a journal that may not be there, may be damaged, or of an earlier version: then none."""
        if self.path is None or not self.path.is_file():
            return []
        expect_plain(self.path)
        try:
            with closing(
                sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", timeout=30, uri=True)
            ) as base:
                _bound(base)
                base.text_factory = _text
                return list(_so_far(row for each in values for row in base.execute(query, tuple(each))))
        except _BROKEN:
            return []


def _bound(database: sqlite3.Connection) -> None:
    """No statement takes for ever or gives more than memory holds, whatever a file brings along."""
    end = time.monotonic() + MOST_SECONDS
    database.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    database.execute("PRAGMA trusted_schema = OFF")


def _is_sound(database: sqlite3.Connection) -> bool:
    """Whether a file that sqlite can read holds what a journal does."""
    kinds = dict(database.execute("SELECT name, type FROM sqlite_master"))
    if set(kinds.values()) - {"table", "index"}:  # views and triggers compute what they like
        return False
    if "jobs" not in kinds:
        return True
    cursor = database.execute("SELECT * FROM jobs ORDER BY rowid DESC LIMIT ?", (REMEMBERED,))
    types = [_TYPES.get(column[0], object) for column in cursor.description]
    rows = _so_far(cursor)
    return all(isinstance(value, kind) for row in rows for value, kind in zip(row, types, strict=True))


def _so_far(rows: Iterable[tuple]) -> Iterator[tuple]:
    """Rows until they hold more text than a look takes in."""
    taken = 0
    for row in rows:
        taken += sum(len(value) for value in row if isinstance(value, str | bytes))
        if taken > MOST_TEXT:
            return
        yield row


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _is_run(row: tuple) -> bool:
    run, started, finished, state = row
    return (
        isinstance(run, int)
        and isinstance(state, str)
        and _is_time(started)
        and (finished is None or _is_time(finished))
    )


def _is_time(value: object) -> bool:
    return isinstance(value, float | int) and 0 <= value < float("inf")


def _is_took(row: tuple) -> bool:
    path, method, seconds, *counts = row
    numbers = all(each is None or (isinstance(each, int) and each >= 0) for each in counts)
    return isinstance(path, str) and isinstance(method, str) and _is_time(seconds) and numbers


def _listed(text: object) -> tuple[str, ...]:
    """Notes of a row that anybody may have written."""
    with suppress(ValueError, TypeError, RecursionError):
        found = json.loads(text) if isinstance(text, str) else ()
        if isinstance(found, list):
            return tuple(bounded(each) for each in found[:MOST_NOTES] if isinstance(each, str))
    return ()


def _stored(path: object, adapter: object, seed: object, quality: object) -> StoredAdapter:
    """An adapter of a row.

    Raises:
        ValueError: It is none.
        TypeError: Likewise.
    """
    if not isinstance(path, str) or not isinstance(adapter, str) or not re.fullmatch(SHA256_PATTERN, adapter):
        raise ValueError("no adapter")
    if not isinstance(seed, int | None) or not isinstance(quality, str):
        raise ValueError("no seed or quality")
    return StoredAdapter(path, adapter, seed or 0, _quality(quality))


def _quality(text: str) -> dict[str, float]:
    """What a row says was measured.

    Raises:
        ValueError: It is none.
    """
    measured = json.loads(text)
    if not isinstance(measured, dict) or not all(isinstance(each, float | int) for each in measured.values()):
        raise ValueError("no quality")
    try:
        return {name: float(each) for name, each in measured.items()}
    except OverflowError as error:  # an integer of hundreds of digits
        raise ValueError("no quality") from error


def _measures(text: object) -> dict[str, float]:
    """As `_quality`, and nothing where it is none."""
    with suppress(ValueError, TypeError, RecursionError):
        return _quality(text) if isinstance(text, str) else {}
    return {}
