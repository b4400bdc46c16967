"""The lock file: what has been built, written by the program, made to be committed.

Deterministic: sorted keys, no dates, no durations (those go to the journal).
"""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from legonet import foreign
from legonet.errors import GraphError, Problem
from legonet.graph.atomic import write_atomically
from legonet.graph.checks.written import first_problem
from legonet.graph.fields import FORMAT, Model, Name, PathName, Sha256
from legonet.graph.gc_pause import paused
from legonet.graph.in_parts import counted, validated

_REMEDY = "restore it from version control, or delete it to build everything again"


class LockedTeacher(Model):
    """A teacher as it was when its modules were cut."""

    source: Sha256 = Field(description="of the block, the weights file, the statistics file and the cut")
    category_module: Sha256 = Field(description="content hash of f")
    task_module: Sha256 = Field(description="content hash of g_T")
    statistics: Sha256 | None = Field(default=None, description="content hash of the statistics")


class LockedModule(Model):
    """A category or task module: which teacher gave it, and its content hash."""

    teacher: Name
    module: Sha256
    tuned: Sha256 | None = Field(default=None, description="its fine-tuned copy, which paths use instead")
    tuned_with: Sha256 | None = Field(
        default=None, description="hash of the module and adapters that it was fine-tuned with"
    )

    @property
    def built(self) -> Sha256:
        """The module that paths are made of."""
        return self.tuned or self.module


class LockedAdapter(Model):
    """A fitted adapter."""

    key: Sha256 = Field(description="hash of `inputs`: same key, nothing to do")
    inputs: dict[str, str] = Field(description="what the adapter was built from")
    adapter: Sha256 = Field(description="content hash of the fitted adapter")
    method: str
    seed: int
    quality: dict[str, float] = Field(default={}, description="measured by the fit; see docs/method.md")


class Lock(Model):
    """Everything that has been built for one graph file."""

    version: Literal[1] = Field(default=1, alias="legonet-lock", description=FORMAT)
    teachers: dict[Name, LockedTeacher] = Field(default={})
    categories: dict[Name, LockedModule] = Field(default={})
    tasks: dict[Name, LockedModule] = Field(default={})
    adapters: dict[PathName, LockedAdapter] = Field(default={})


def lock_path(graph_path: Path) -> Path:
    """Where the lock file of a graph file lies: `animals.yaml` -> `animals.lock.json`."""
    return graph_path.with_name(graph_path.stem + ".lock.json")


def read_lock(path: Path) -> Lock:
    """Read a lock file; one that does not exist is an empty lock.

    Raises:
        GraphError: The file is not a lock file of this version.
    """
    data = foreign.read_if_there(path, foreign.LOCK)
    return Lock() if data is None else parse_lock(data, str(path))


def parse_lock(data: bytes, source: str) -> Lock:
    """A lock from a file's bytes.

    Args:
        data: The bytes, no more than a lock file may have.
        source: What messages call it.

    Raises:
        GraphError: It is no lock file of this version.
    """
    try:
        with paused():
            return validated(Lock, _object(counted(data.removeprefix(codecs.BOM_UTF8))))
    except ValueError as error:  # pydantic's are
        raise first_problem(data, source, "lock file", Lock, _REMEDY) from error


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    return data


def dump_lock(lock: Lock) -> str:
    """The lock file's text: canonical JSON, two spaces, sorted keys, a newline at the end."""
    data = lock.model_dump(mode="json", by_alias=True)
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock file atomically: readers see the old file or the new one, never a part.

    Raises:
        GraphError: The folder cannot be written.
    """
    try:
        write_atomically(path, dump_lock(lock).encode())
    except OSError as error:
        found = f"cannot be written ({error.strerror})"
        raise GraphError.of(Problem(found, "the old file is untouched", file=str(path))) from error
