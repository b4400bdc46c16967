"""One run at a time on one network: a lock that the system takes back when its owner dies. Needs no torch."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from legonet.errors import StoreError

try:
    import fcntl
except ImportError:  # a system without file locks: two runs there do the same work twice, to the same bytes
    fcntl = None

PAUSE = 0.2  # seconds between attempts


class RunLock:
    """Held while it is entered.

    Args:
        path: a file that says who holds it.
        wait: until another one lets go.
    """

    def __init__(self, path: Path, wait: bool = False) -> None:
        self._path, self._wait = path, wait
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            StoreError: another run holds it, or the file cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            while not self._taken():
                if not self._wait:
                    held = self._owner()
                    os.close(self._file)
                    self._file = None
                    raise StoreError(
                        f"{self._path}: another run is at work on this network: {held}; expected none; "
                        "wait for it with --wait, or end it"
                    )
                time.sleep(PAUSE)
            os.ftruncate(self._file, 0)
            owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
            os.pwrite(self._file, json.dumps(owner).encode(), 0)
        except OSError as error:
            raise StoreError(
                f"{self._path}: the run cannot be locked ({error.strerror or error}); expected a folder that "
                "may be written to; check its permissions and the free space"
            ) from error
        return self

    def _taken(self) -> bool:
        if fcntl is None or self._file is None:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _owner(self) -> str:
        """Who holds it, and for how long, as the file says."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            owner = json.loads(self._path.read_bytes())
            age = max(0.0, time.time() - float(owner["since"]))  # a clock may go backwards
            return f"process {owner['pid']} on {owner['host']}, since {age:.0f} s"
        return "an unknown process"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)  # which lets go of it
            self._file = None
