"""Which files of a workspace nothing needs any more. Needs no torch."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from legonet.errors import StoreError
from legonet.graph.atomic import is_temporary
from legonet.graph.lock import Lock, read_lock
from legonet.store.unfinished import left_over
from legonet.store.workspace import Workspace

YOUNG = 3600  # seconds: what a run that is at work has just written is no orphan


@dataclass(frozen=True)
class Orphans:
    """Files of the store that no lock file names, and what was left anywhere by a command that was killed.

    Attributes:
        files: blobs, damaged ones that were set aside, states of jobs that were not finished, temporary
            files, and teachers' weights and blocks that no graph file came to name.
        bytes: that they take.
        state: the workspace's folder of what belongs to this machine.
        kept: how many blobs lock files name.
        young: how many others are left alone, since a run may have written them just now.
    """

    files: tuple[Path, ...]
    bytes: int
    state: Path
    kept: int
    young: int

    def delete(self) -> None:
        """Delete them.

        Raises:
            StoreError: one cannot be deleted.
        """
        for file in self.files:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(
                    f"{file}: cannot be deleted ({error.strerror or error}); check the folder's permissions"
                ) from error
            if file.is_relative_to(self.state):
                with suppress(OSError):  # not empty
                    file.parent.rmdir()
                    file.parent.parent.rmdir()


def find_orphans(workspace: Workspace, age: float = YOUNG) -> Orphans:
    """Find what no lock file of the workspace names.

    Args:
        workspace: all of its lock files count, wherever they are.
        age: in seconds, that a file has to have.

    Raises:
        LegonetError: a lock file is none: what it named cannot be told.
    """
    needed: set[str] = set()
    for path in sorted(workspace.root.rglob("*.lock.json")):
        needed |= set(named(read_lock(path)))
    folder, now = workspace.store.folder, time.time()
    found, size, kept, young = list[Path](), 0, 0, 0
    places = [each for each in (folder, workspace.checkpoints) if each.is_dir()]
    stored = {file for place in places for file in place.rglob("*") if file.is_file()}
    torn = {file for file in workspace.root.rglob(".*.tmp") if is_temporary(file)}
    for file in sorted(stored | torn | left_over(workspace)):
        if file.name in needed and file == workspace.store.path(file.name):
            kept += 1
            continue
        state = file.stat()
        if abs(now - state.st_mtime) < age:
            young += 1
            continue
        found.append(file)
        size += state.st_size
    return Orphans(tuple(found), size, workspace.state(), kept, young)


def named(lock: Lock) -> Iterable[str]:
    """The content hashes of everything that a lock file names."""
    for teacher in lock.teachers.values():
        yield from (teacher.category_module, teacher.task_module)
        if teacher.statistics is not None:
            yield teacher.statistics
    for part in (*lock.categories.values(), *lock.tasks.values()):
        if part.tuned is not None:
            yield part.tuned
    for adapter in lock.adapters.values():
        yield adapter.adapter
