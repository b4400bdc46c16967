"""One run at a time on one network: a lock that the system takes back when its owner dies. Needs no torch."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
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
SETTLED = 2  # attempts after which it is told: by then its owner has written down who it is


class RunLock:
    """Held while it is entered.

    Args:
        path: a file that says who holds it.
        wait: until another one lets go.
        told: once, that it waits, and for whom.
    """

    def __init__(self, path: Path, wait: bool = False, told: Callable[[str], None] | None = None) -> None:
        self._path, self._wait, self._told = path, wait, told
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            StoreError: another run holds it, or the file cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            self._take()
            os.ftruncate(self._file, 0)
            owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
            os.pwrite(self._file, json.dumps(owner).encode(), 0)
        except OSError as error:
            self._let_go()
            raise StoreError(
                f"{self._path}: the run cannot be locked ({error.strerror or error}); expected a folder that "
                "may be written to; check its permissions and the free space"
            ) from error
        except BaseException:  # an interruption while it waits
            self._let_go()
            raise
        return self

    def _take(self) -> None:
        attempts = 0
        while not self._taken():
            if not self._wait:
                raise StoreError(
                    f"{self._path}: another run is at work on this network: {self._owner()}; expected none; "
                    "run the command again once it has ended (`legonet transplant --wait` waits), or end it"
                )
            attempts += 1
            if attempts == SETTLED and self._told is not None:
                self._told(f"another run is at work on this network: {self._owner()}; waiting for its end")
            time.sleep(PAUSE)

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
        with suppress(OSError, ValueError, KeyError, TypeError, OverflowError):
            owner = json.loads(self._path.read_bytes())
            since = float(owner["since"])
            age = max(0.0, time.time() - since)  # a clock may go backwards
            date = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
            return f"process {owner['pid']} on {owner['host']}, for {age:.0f} s, since {date}"
        return "an unknown process"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)  # which lets go of it
            self._file = None
