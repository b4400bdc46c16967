"""The journal: what ran when, for how long, with what result. The lock file never depends on it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from legonet.errors import StoreError
from legonet.plan.diff import PlannedEdge

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run INTEGER PRIMARY KEY, graph TEXT NOT NULL, started REAL NOT NULL, finished REAL, state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
    run INTEGER NOT NULL REFERENCES runs(run), path TEXT NOT NULL, key TEXT NOT NULL, method TEXT NOT NULL,
    state TEXT NOT NULL, seconds REAL NOT NULL, quality TEXT NOT NULL, notes TEXT NOT NULL
);
"""


class Journal:
    """A sqlite file of runs and jobs.

    Args:
        path: the file, made when something is noted; None: nothing is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path or ":memory:", timeout=30)) as database, database:
                database.executescript(_TABLES)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{self.path}: the journal cannot be used ({error}); expected a sqlite file; "
                "delete it: nothing but the history of runs is lost"
            ) from error

    def begin(self, graph: str) -> int:
        """Note that a run begins; returns its number."""
        with self._connection() as database:
            cursor = database.execute(
                "INSERT INTO runs (graph, started, state) VALUES (?, ?, 'running')", (graph, time.time())
            )
            return int(cursor.lastrowid or 0)

    def job(
        self,
        run: int,
        edge: PlannedEdge,
        state: str,
        seconds: float,
        quality: Mapping[str, float],
        notes: list[str],
    ) -> None:
        """Note one job's result: state is `done` or `failed`."""
        made = (edge.path, edge.key or "", edge.method or "")
        row = (run, *made, state, seconds, json.dumps(dict(quality)), json.dumps(notes))
        with self._connection() as database:
            database.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def end(self, run: int, state: str) -> None:
        """Note that a run ended: state is `done`, `failed` or `interrupted`."""
        with self._connection() as database:
            database.execute(
                "UPDATE runs SET finished = ?, state = ? WHERE run = ?", (time.time(), state, run)
            )

    def seconds(self, path: str) -> float | None:
        """How long the last finished job of a path took."""
        query = "SELECT seconds FROM jobs WHERE path = ? AND state = 'done' ORDER BY rowid DESC LIMIT 1"
        with self._connection() as database:
            row = database.execute(query, (path,)).fetchone()
        return None if row is None else float(row[0])
