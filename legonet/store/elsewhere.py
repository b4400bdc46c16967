"""What a workspace knows of its remote: what that holds, and which files of teachers are not here.

`.legonet/remotes/NAME.json` is a record of the last push or pull of the network NAME. Like all that lies
there it may be a stranger's: it names a remote, but only the user's own settings let anybody ask it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from legonet import foreign
from legonet.errors import StoreError
from legonet.graph.fields import Array, Model, Name, Sha256
from legonet.graph.in_parts import counted, validated
from legonet.store.plain_files import write_file

RECORDS = "remotes"
_Bytes = Annotated[int, Field(ge=0, lt=2**53)]


class Elsewhere(Model):
    """A teacher's file that did not travel, since modules hold what is in it.

    Attributes:
        sha256: Of the file.
        blobs: What holds its tensors, or the file itself.
    """

    sha256: Sha256
    blobs: Annotated[tuple[Sha256, ...], Field(max_length=8), Array] = ()


class Record(Model):
    """What was pushed or pulled last.

    Attributes:
        remote: Its address.
        name: Of the network.
        manifest: The sha256 of the list of what it holds.
        graph: The sha256 and the size of the graph file there.
        lock: Of the lock file, likewise.
        blobs: What it holds, with sizes.
        elsewhere: By path in the workspace.
    """

    remote: str = Field(max_length=4096)
    name: Name
    manifest: Sha256
    graph: Annotated[tuple[Sha256, _Bytes], Array]
    lock: Annotated[tuple[Sha256, _Bytes], Array]
    blobs: dict[Sha256, _Bytes] = Field(default={})
    elsewhere: dict[str, Elsewhere] = Field(default={})


def record_path(state: Path, name: str) -> Path:
    """Where the record of a network lies.

    Args:
        state: The workspace's folder of records.
        name: Of the network.
    """
    return state / f"{name}.json"


def read_record(path: Path) -> Record | None:
    """The record; None where there is none that can be read: it is made again by a pull."""
    with suppress(StoreError, ValueError):
        data = foreign.read_if_there(path, foreign.STATE)
        if data is not None and isinstance(found := counted(data), dict):
            return validated(Record, found)
    return None


def write_record(path: Path, record: Record) -> None:
    """Write it.

    Raises:
        StoreError: It cannot be written.
    """
    data = json.dumps(record.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    write_file(path, data.encode())


def files_elsewhere(state: Path) -> Mapping[str, Elsewhere]:
    """Files of teachers that are not here, by path in the workspace, of all of its networks."""
    found: dict[str, Elsewhere] = {}
    for path in sorted(state.glob("*.json")):
        record = read_record(path)
        found |= {} if record is None else record.elsewhere
    return found
