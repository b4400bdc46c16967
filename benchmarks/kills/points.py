"""Counts what a process does to a folder, and ends it at a number, or tears the file that it is writing."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from legonet.run.journal import Journal

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


class Counter:
    """Counts what a process does to a folder; at a number something happens, by default it is killed.

    Files opened to be written, renamed, removed, folders made, files synced, rows written to the journal.

    Args:
        folder: Of the workspace.
        last: The number; None: nothing happens.
        torn: The file that is being synced then loses its end.
        act: What happens then.
    """

    def __init__(
        self,
        folder: Path,
        last: int | None,
        torn: random.Random | None = None,
        act: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL),
    ) -> None:
        self.folder, self.last, self.torn, self.count = str(folder), last, torn, 0
        self._act, self._acting = act, False

    def __call__(self) -> None:
        """Begin to count, in this process, for as long as it lives."""
        sys.addaudithook(self._hear)
        fsync = os.fsync

        def synced(handle: int) -> None:
            self._another(handle)
            fsync(handle)

        os.fsync = synced
        for name in ("begin", "job", "end"):
            setattr(Journal, name, self._counted(getattr(Journal, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self._another()
            value = method(*arguments)
            self._another()
            return value

        return counted

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        written = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if (written or event in CHANGES) and str(arguments[0]).startswith(self.folder):
            self._another()

    def _another(self, handle: int | None = None) -> None:
        if self._acting:
            return
        self.count += 1
        if self.last is None or self.count != self.last:
            return
        if self.torn is not None and handle is not None:
            with suppress(OSError):  # a folder is synced too
                os.ftruncate(handle, self.torn.randrange(os.fstat(handle).st_size + 1))
        self._acting = True
        self._act()
        self._acting = False
