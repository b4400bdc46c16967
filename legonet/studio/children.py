"""Commands that the studio starts: children in sessions of their own, which outlive it.

Each has a folder below `.legonet/studio/`: what was asked for, and what it says. The child holds a lock on
one of its files, which the system takes back when it ends, so that any studio sees whether it is at work.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from legonet import foreign
from legonet.errors import LegonetError, StoreError
from legonet.foreign import MIB
from legonet.store.locks import is_held
from legonet.store.plain_files import write_file
from legonet.store.workspace import Workspace
from legonet.web.faults import refuse

try:
    import fcntl
except ImportError:  # a system without file locks: children count as ended there once the studio has
    fcntl = None

FOLDER = "studio"
_SAYS = replace(foreign.STATE, what="file of the studio's", largest=64 * MIB)
_LETTERS = "0123456789abcdef-"


@dataclass(frozen=True)
class Child:
    """A command that was started.

    Attributes:
        id: The name of its folder.
        folder: Its folder.
        asked: What it was asked for: at least `command`, `pid`, `started` and `graph`.
    """

    id: str
    folder: Path
    asked: Mapping[str, Any]

    @property
    def started(self) -> float:
        """When, in seconds since 1970."""
        return _number(self.asked.get("started"))

    @property
    def command(self) -> str:
        """The command line, as a person would write it."""
        return str(self.asked.get("command", ""))

    @property
    def output(self) -> Path:
        """What it prints."""
        return self.folder / "output"

    @property
    def status(self) -> int | None:
        """How it ended, where a studio was there to see it."""
        with suppress(LegonetError, ValueError):
            return int(foreign.read(self.folder / "status", _SAYS))
        return None

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return (self.folder / "stop").exists()

    @property
    def finished(self) -> float | None:
        """When it last said something, if it has ended."""
        if self.alive():
            return None
        return max((_changed(self.folder / name) for name in ("output", "errors", "status")), default=0.0)

    def alive(self) -> bool:
        """Whether it is at work."""
        if fcntl is None:
            return self.status is None
        return is_held(self.folder / "alive")

    def errors(self) -> str:
        """The end of what it complained of."""
        with suppress(LegonetError):
            return foreign.read(self.folder / "errors", _SAYS).decode("utf-8", "replace").strip()[-4000:]
        return ""

    def stop(self) -> None:
        """Interrupt it as Ctrl-C does, if it is at work."""
        pid = self.asked.get("pid")
        if not self.alive() or not isinstance(pid, int) or pid <= 1:
            return
        write_file(self.folder / "stop", b"")
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGINT)


class Children:
    """The children of one kind.

    Args:
        workspace: Where their folders lie.
        kind: Such as `runs`.
        kept: How many of their folders stay.
    """

    def __init__(self, workspace: Workspace, kind: str, kept: int) -> None:
        self._workspace, self._kind, self._kept = workspace, kind, kept

    def folder(self, *names: str) -> Path:
        """A place of theirs.

        Raises:
            StoreError: A link leads there.
        """
        return self._workspace.state(FOLDER, self._kind, *names)

    def _mark(self, id_: str) -> Path | None:
        """What tells that this user started a child: its folder may have come with the workspace."""
        return self._workspace.found_out(f"{FOLDER}/{self._kind}/{id_}")

    def start(self, arguments: Sequence[str], shown: Sequence[str], **asked: object) -> Child:
        """Start a command of legonet's.

        Args:
            arguments: Of `legonet`; `{folder}` in one stands for the child's folder.
            shown: The arguments as a person would write them.
            asked: What is kept of what it was asked for.

        Raises:
            StoreError: The workspace cannot be written.
        """
        id_ = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(4)
        folder = self.folder(id_)
        command = [
            sys.executable,
            "-P",
            "-m",
            "legonet",
            *(each.replace("{folder}", str(folder)) for each in arguments),
        ]
        try:
            folder.mkdir(parents=True, exist_ok=False)
            process = _started(command, folder)
        except OSError as error:
            raise StoreError(
                f"{folder}: cannot be written ({error.strerror or error}); expected a folder with free "
                "space that may be written to; check both"
            ) from error
        data = {
            **asked,
            "command": shlex.join(["legonet", *shown]),
            "pid": process.pid,
            "started": time.time(),
        }
        if (mark := self._mark(id_)) is not None:
            write_file(mark, b"")
        write_file(folder / "asked.json", json.dumps(data).encode())
        threading.Thread(target=_wait, args=(process, folder), daemon=True, name=f"child {id_}").start()
        self._tidy()
        return Child(id_, folder, data)

    def find(self, id_: str) -> Child:
        """One of them.

        Raises:
            LegonetError: There is none of this name.
        """
        if not id_ or set(id_) - set(_LETTERS) or len(id_) > 40:  # no path
            raise self._unknown(id_)
        folder, mark = self.folder(id_), self._mark(id_)
        if mark is None or not mark.exists():
            raise self._unknown(id_)
        try:
            asked = from_json(foreign.read(folder / "asked.json", _SAYS))
        except (LegonetError, ValueError):
            raise self._unknown(id_) from None
        if not isinstance(asked, dict):
            raise self._unknown(id_)
        return Child(id_, folder, asked)

    def _unknown(self, id_: str) -> LegonetError:
        return refuse(404, f"no {self._kind.removesuffix('s')} {id_[:60]!r}", key="id")

    def all(self) -> list[Child]:
        """Those that are known, the newest first."""
        try:
            names = sorted((each.name for each in self.folder().iterdir()), reverse=True)
        except OSError:
            return []
        found = []
        for name in names[: self._kept]:
            with suppress(LegonetError):
                found.append(self.find(name))
        return found

    def _tidy(self) -> None:
        """The folders of those that ended long ago go."""
        with suppress(OSError):
            for each in sorted((each.name for each in self.folder().iterdir()), reverse=True)[self._kept :]:
                with suppress(LegonetError):
                    old = self.find(each)
                    if not old.alive():
                        shutil.rmtree(old.folder, ignore_errors=True)
                        if (mark := self._mark(each)) is not None:
                            mark.unlink(missing_ok=True)


# A studio that a script started with `&` ignores interrupts; so would what it starts, and none could stop it.
_HEEDS_INTERRUPTS = """\
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def _started(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """The process, in a session of its own; it holds the lock on `alive` for as long as it lives."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    environment.pop("LEGONET_TOKEN", None)
    with (
        (folder / "alive").open("xb") as alive,
        (folder / "output").open("xb") as output,
        (folder / "errors").open("xb") as errors,
    ):
        if fcntl is not None:
            fcntl.flock(alive, fcntl.LOCK_EX)
        return subprocess.Popen(  # noqa: S603 - our own program; what comes from a request was checked
            [sys.executable, "-I", "-S", "-c", _HEEDS_INTERRUPTS, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            start_new_session=True,
            pass_fds=[alive.fileno()],
        )


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    status = process.wait()
    with suppress(StoreError):
        write_file(folder / "status", str(status).encode())


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 2**53 else 0.0
