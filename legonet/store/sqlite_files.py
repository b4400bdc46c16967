"""What lies beside a sqlite file, before sqlite looks at it. Needs no torch."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from legonet.errors import StoreError

_MAGIC = bytes.fromhex("d9d505f920a163d7")  # ends a rollback journal that names a journal of several files
_BESIDE = ("", "-wal", "-shm", "-journal")


def expect_plain(path: Path) -> None:
    """Refuse a sqlite file, or what sqlite keeps beside it, that would make it touch other files.

    A rollback journal can name a file that sqlite deletes after it has rolled back. Ours never name one.
    Source: https://www.sqlite.org/fileformat2.html, section "The Rollback Journal".

    Args:
        path: The file, which need not exist.

    Raises:
        StoreError: One is a link or no file, or the rollback journal is of several files.
    """
    for suffix in _BESIDE:
        file = path.with_name(path.name + suffix)
        try:
            state = file.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(state.st_mode):
            what = "a link" if stat.S_ISLNK(state.st_mode) else "not a regular file"
            raise StoreError(f"{file}: {what}; expected a file of sqlite; delete it")
    journal = path.with_name(f"{path.name}-journal")
    with suppress(OSError):
        with journal.open("rb") as file:
            file.seek(max(0, journal.stat().st_size - len(_MAGIC)))
            names_another = file.read() == _MAGIC
        if names_another:
            raise StoreError(f"{journal}: names another file; expected none that legonet writes; delete it")
