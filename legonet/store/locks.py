"""Files that are locked by one process at a time; the system takes a lock back when its owner dies. No torch.

There are two kinds. A run lock says that a run is at work on a network, for hours maybe, and what it needs.
The writers' lock of a workspace is held for moments, by whoever reads files of it and writes them again.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import stat
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from legonet.errors import StoreError

try:
    import fcntl
except ImportError:  # a system without file locks: two runs there do the same work twice, to the same bytes
    fcntl = None

SETTLED = 2  # attempts after which it is told: by then its owner has written down who it is
PATIENCE = 50  # likewise, of what is held for moments
_OWNER = 4096  # bytes at most that say who holds a lock
_LARGEST = 256 * 2**20  # bytes: a run of 100,000 jobs needs a tenth


class _FileLock(ABC):
    """A file that is locked while this is entered.

    Args:
        path: The file; a link, or anything but a file, is refused.
    """

    pause: ClassVar[float] = 0.2  # seconds between attempts

    def __init__(self, path: Path) -> None:
        self._path, self._end = path, 0
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            StoreError: Another process holds it, or the file cannot be written.
        """
        attempts = 0
        try:
            while not self._taken():
                attempts += 1
                self._wait(attempts)
                time.sleep(self.pause)
        except OSError as error:
            self._let_go()
            raise StoreError(
                f"{self._path}: cannot be locked ({error.strerror or error}); expected a folder that may be "
                "written to; check its permissions and the free space"
            ) from error
        except BaseException:  # an interruption while it waits
            self._let_go()
            raise
        return self

    @abstractmethod
    def _taken(self) -> bool:
        """Try once."""

    @abstractmethod
    def _wait(self, attempts: int) -> None:
        """Another process holds it: refuse, or tell whom one waits for."""

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        file = os.open(self._path, flags, 0o644)
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
            os.close(file)
            raise OSError(errno.EINVAL, "it is not a file of its own")
        return file

    def _try(self, file: int) -> bool:
        if fcntl is None:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _sign(self) -> None:
        """Say who holds it."""
        assert self._file is not None  # noqa: S101 - it was taken
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        os.ftruncate(self._file, 0)
        self._end = os.pwrite(self._file, json.dumps(owner).encode() + b"\n", 0)

    def _owner(self) -> str:
        """Who holds it, and for how long, as the file says."""
        with suppress(OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            owner = json.loads(_beginning(self._path, _OWNER).split(b"\n")[0])
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


class RunLock(_FileLock):
    """Held as long as a run is at work.

    Args:
        path: A file that says who holds it, and what the run needs.
        wait: Until another one lets go.
        told: Once, that it waits, and for whom.
        what: The run is at work on.
        beginning: Entered while the lock is taken: `legonet gc` sees either nothing of the run and ends
            before it begins, or that it is there.
    """

    def __init__(
        self,
        path: Path,
        wait: bool = False,
        told: Callable[[str], None] | None = None,
        what: str = "this network",
        beginning: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        super().__init__(path)
        self._waits, self._told, self._what, self._beginning = wait, told, what, beginning

    def _taken(self) -> bool:
        with self._beginning():
            if self._file is None:
                self._file = self._open()
            if not self._try(self._file):
                return False
            self._sign()
            return True

    def _wait(self, attempts: int) -> None:
        if not self._waits:
            raise StoreError(
                f"{self._path}: another run is at work on {self._what}: {self._owner()}; expected none; "
                "run the command again once it has ended (`legonet transplant --wait` waits), or end it"
            )
        if attempts == SETTLED and self._told is not None:
            self._told(f"another run is at work on {self._what}: {self._owner()}; waiting for its end")

    def needs(self, names: Iterable[str]) -> None:
        """Say what the run needs of what was there before it began; until then it needs everything.

        Args:
            names: Content hashes of blobs, and keys of jobs.
        """
        if self._file is not None:
            os.pwrite(self._file, json.dumps(sorted(set(names))).encode() + b"\n", self._end)


class WritersLock(_FileLock):
    """The writers' lock of a workspace; it waits for others, and may be entered again by the same thread.

    The file is there as long as it is held.
    """

    pause = 0.02
    _held = threading.local()

    def __enter__(self) -> Self:
        """Take it, once every other process has let go."""
        if not self._depths[self._key]:
            super().__enter__()
        self._depths[self._key] += 1
        return self

    @property
    def _depths(self) -> Counter[str]:
        """How often this thread has entered each lock."""
        if not hasattr(self._held, "depths"):
            self._held.depths = Counter()
        return self._held.depths

    @property
    def _key(self) -> str:
        return os.path.realpath(self._path)

    def _taken(self) -> bool:
        try:
            file = self._open()
        except FileNotFoundError:  # the folder went, with its last owner
            return False
        try:
            if self._try(file) and os.path.samestat(os.fstat(file), self._path.lstat()):
                self._file = file
                with suppress(OSError):  # a full disk is no reason not to tidy up
                    self._sign()
                return True
        except FileNotFoundError:  # the file went, with its last owner
            pass
        finally:
            if self._file is None:
                os.close(file)
        return False

    def _wait(self, attempts: int) -> None:
        if attempts == PATIENCE:
            logging.getLogger("legonet").warning(
                "%s: another command is writing: %s; waiting for its end", self._path, self._owner()
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depths[self._key] -= 1
        if not self._depths[self._key]:
            with suppress(OSError):
                self._path.unlink()
                self._path.parent.rmdir()  # where nothing else is in it
            self._let_go()


def live_needs(folder: Path) -> tuple[float, frozenset[str] | None] | None:
    """What the runs that are at work now need of what was there before them. The writers' lock is held.

    Args:
        folder: Of the run locks.

    Returns:
        When the first of them began, and what they need, None for everything; or None if none is at work.
    """
    began, needed, unknown = float("inf"), set[str](), False
    for path in sorted(folder.glob("*.lock")):
        if not is_held(path):
            continue
        try:
            owner, needs, _ = _beginning(path, _LARGEST).split(b"\n")
            began = min(began, float(json.loads(owner)["since"]))
            needed |= set(json.loads(needs))
        except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            # it has not said it yet
            unknown = True
    if began == float("inf") and not unknown:
        return None
    return began, None if unknown else frozenset(needed)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on a file; never where there are no locks."""
    if fcntl is None:
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # a link, or gone
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _beginning(path: Path, most: int) -> bytes:
    """The first bytes of a file; it is one, as it is locked."""
    with path.open("rb") as file:
        return file.read(most)
