"""Which files of a workspace nothing needs any more. Needs no torch."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from legonet.errors import StoreError
from legonet.graph.atomic import is_temporary
from legonet.graph.lock import Lock, read_lock
from legonet.store.locks import live_needs
from legonet.store.unfinished import left_over
from legonet.store.workspace import Workspace

SLACK = 60  # seconds that clocks of two machines may differ by
YOUNG = 3600  # seconds: what a run that is at work has just written is no orphan


@dataclass(frozen=True)
class Orphans:
    """Files of the store that no lock file names, and what was left anywhere by a command that was killed.

    Attributes:
        files: Blobs, damaged ones that were set aside, states of jobs that were not finished, temporary
            files, and teachers' weights and blocks that no graph file came to name.
        bytes: That they take.
        kept: How many blobs lock files name.
        young: How many others are left alone, since a command may have written them just now.
        used: How many others are left alone, since a run is at work that needs them or has written them.
    """

    files: tuple[Path, ...]
    bytes: int
    kept: int
    young: int
    used: int = 0


def find_orphans(workspace: Workspace, age: float = YOUNG) -> Orphans:
    """Find what no lock file of the workspace names, and no run that is at work now.

    Args:
        workspace: All of its lock files count, wherever they are.
        age: In seconds, that a file has to have.

    Raises:
        LegonetError: A lock file is none: what it named cannot be told.
    """
    with _alone(workspace):
        return _orphans(workspace, age)


def delete_orphans(workspace: Workspace, age: float = YOUNG) -> Orphans:
    """Find them and delete them; no run begins meanwhile.

    Args:
        workspace: As of `find_orphans`.
        age: Likewise.

    Raises:
        LegonetError: As of `find_orphans`; or a file cannot be deleted.
    """
    with _alone(workspace):
        found = _orphans(workspace, age)
        for file in found.files:
            _delete(file, workspace)
        return found


def _alone(workspace: Workspace) -> AbstractContextManager[object]:
    """Where nothing was ever stored, nobody is at work, and nothing is made."""
    return workspace.writing() if workspace.state().is_dir() else nullcontext()


def _delete(file: Path, workspace: Workspace) -> None:
    try:
        workspace.own(file.parent)
        file.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{file}: cannot be deleted ({error.strerror or error}); check the folder's permissions"
        ) from error
    if file.is_relative_to(workspace.state()):
        with suppress(OSError):  # not empty
            file.parent.rmdir()
            file.parent.parent.rmdir()


def _orphans(workspace: Workspace, age: float) -> Orphans:
    needed: set[str] = set()
    for path in sorted(workspace.root.rglob("*.lock.json")):
        needed |= set(named(read_lock(path)))
    live, now = live_needs(workspace.runs), time.time()
    found, size, kept, young, used = list[Path](), 0, 0, 0, 0
    places = [each for each in (workspace.store.folder, workspace.checkpoints) if each.is_dir()]
    stored = {file for place in places for file in place.rglob("*") if file.is_file()}
    torn = {file for file in workspace.root.rglob(".*.tmp") if is_temporary(file)}
    for file in sorted(stored | torn | left_over(workspace)):
        if file.name in needed and file == workspace.store.path(file.name):
            kept += 1
            continue
        try:
            state = file.lstat()
        except FileNotFoundError:  # a run has finished what it was writing
            continue
        if live is not None and _is_used(file, state.st_mtime, *live):
            used += 1
        elif abs(now - state.st_mtime) < age:
            young += 1
        else:
            found.append(file)
            size += state.st_size
    return Orphans(tuple(found), size, kept, young, used)


def _is_used(file: Path, written: float, began: float, needs: frozenset[str] | None) -> bool:
    """Whether a run that is at work may read a file, or name it when it ends."""
    return needs is None or written > began - SLACK or file.name.partition("-")[0] in needs


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
