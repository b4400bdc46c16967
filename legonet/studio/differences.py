"""How the draft differs from the file on disk, or from what git has."""

from __future__ import annotations

import difflib
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Literal

from legonet.errors import GraphError
from legonet.foreign import GRAPH
from legonet.graph.editing.compare import compared
from legonet.graph.load import parse_graph
from legonet.graph.reading.source import decode
from legonet.store.graph_file import is_json
from legonet.studio.draft import Snapshot
from legonet.studio.models.graph import Diff, DiffEntry
from legonet.web.faults import refuse

PATIENCE = 20.0  # seconds that git has
_SAFE = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    # What a partial clone lacks is not fetched: its .git/config names the program that would do it.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}


def difference(path: Path, before: str, now: Snapshot, against: Literal["disk", "head"]) -> Diff:
    """How a draft differs from a text.

    Args:
        path: The graph file.
        before: The text; entries of one that is no valid graph by now are not compared.
        now: The draft.
        against: What the text is.
    """
    names = {"disk": str(path), "head": f"{path} (HEAD)"}
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        now.text.splitlines(keepends=True),
        names[against],
        f"{path} (draft)",
    )
    whole = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    entries: tuple[DiffEntry, ...] = ()
    with suppress(GraphError):
        old = parse_graph(before, str(path), is_json(path)).graph
        entries = tuple(DiffEntry(**each) for each in compared(old, now.loaded.graph))
    return Diff(against=against, text="".join(whole), entries=entries)


def committed(path: Path) -> str:
    """The graph file's text as git's HEAD has it; empty where HEAD lacks it.

    Git reads what the workspace's own `.git/config` says, so nothing is called that runs filters or fetches:
    an object is shown as it is.

    Raises:
        LegonetError: There is no repository, or no git.
    """
    folder = path.absolute().parent
    where = _git(folder, "rev-parse", "--show-prefix")
    if where is None:
        raise refuse(422, f"{path}: is not in a git repository", "expected one", "compare with the disk")
    name = f"HEAD:{where.decode('utf-8', 'replace').strip()}{path.name}"
    size = _git(folder, "cat-file", "-s", name)
    if size is None:
        return ""
    if int(size) > (GRAPH.largest or 0):
        raise refuse(422, f"{path}: HEAD has {int(size):,} bytes of it", "expected a graph file")
    return decode(_git(folder, "cat-file", "blob", name) or b"", f"{path} (HEAD)")


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says; None where it refuses. No hook and no file system monitor is run."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - git, which the user has
            command, cwd=folder, env=os.environ | _SAFE, capture_output=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise refuse(422, f"git cannot be run ({error})", advice="compare with the disk") from error
    return done.stdout if done.returncode == 0 else None
