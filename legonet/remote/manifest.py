"""What a remote says that it holds: a pointer, and the list that it points at. Nothing in them is trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_core import from_json

from legonet.errors import StoreError
from legonet.graph.fields import FORMAT, LETTERS, Model, Name, Sha256
from legonet.graph.in_parts import counted, validated
from legonet.graph.lock import lock_path
from legonet.remote.objects import LARGEST, Objects
from legonet.remote.place import Place
from legonet.store.blobs import sha256
from legonet.store.elsewhere import Elsewhere

POINTER = "legonet.json"
POINTER_MOST = 4096  # bytes
MOST = 256 * 2**20  # bytes of a list
MOST_FILES = 100_000
_PART = rf"[0-9{LETTERS}_][0-9{LETTERS}_@+=,. -]{{0,120}}"
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_SAFE = re.compile(rf"(?:{_PART}/){{0,7}}{_PART}")
_ENDINGS = (".yaml", ".yml", ".json")

Bytes = Annotated[int, Field(ge=0, le=LARGEST)]


class Sent(Model):
    """A file that is an object of the remote."""

    sha256: Sha256
    size: Bytes


class Manifest(Model):
    """What a remote holds of a network."""

    version: Literal[1] = Field(default=1, alias="legonet-manifest", description=FORMAT)
    name: Name
    graph: str = Field(description="the graph file, as `files` names it")
    lock: str = Field(description="the lock file, likewise")
    files: dict[str, Sent] = Field(description="graph, lock and block files, by path in the workspace")
    elsewhere: dict[str, Elsewhere] = Field(
        default={}, description="weights and statistics that do not travel as files: what holds them instead"
    )
    blobs: dict[Sha256, Bytes] = Field(default={}, description="sizes of modules, adapters and statistics")
    card: Sent | None = None

    def dump(self) -> bytes:
        """Its text, the same for the same network."""
        data = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


class Pointer(Model):
    """Which list is the newest."""

    version: Literal[1] = Field(default=1, alias="legonet-remote", description=FORMAT)
    name: Name
    manifest: Sha256
    size: Bytes

    def dump(self) -> bytes:
        """Its text."""
        return (json.dumps(self.model_dump(mode="json", by_alias=True), indent=2) + "\n").encode()


@dataclass(frozen=True)
class Found:
    """What a remote holds now.

    Attributes:
        pointer: The bytes of its pointer.
        sha256: Of its list.
        size: Likewise.
        manifest: Its list.
    """

    pointer: bytes
    sha256: str
    size: int
    manifest: Manifest


def look(place: Place, known: Found | None = None) -> Found | None:
    """What a remote holds; None where nothing was ever pushed.

    Args:
        place: The remote.
        known: What it held, which is not asked for again if it still does.

    Raises:
        StoreError: It holds something else, or nothing that this legonet understands.
    """
    where = f"{place.shown}/{POINTER}"
    try:
        raw = place.read(POINTER, POINTER_MOST)
    except FileNotFoundError:
        return None
    if known is not None and known.pointer == raw:
        return known
    try:
        pointer = validated(Pointer, _object(from_json(raw)))
    except ValueError as error:
        raise _foreign(where, error) from None
    return Found(raw, pointer.manifest, pointer.size, read_manifest(Objects(place), pointer, where))


def read_manifest(objects: Objects, pointer: Pointer, where: str) -> Manifest:
    """The list that a pointer names, checked: no name leads out of a workspace, nothing is without end."""
    if pointer.size > MOST:
        raise StoreError(
            f"{where}: its list has {pointer.size:,} bytes; expected at most {MOST:,}; is this a remote of "
            "legonet?"
        )
    data = objects.read(pointer.manifest, pointer.size)
    try:
        found = validated(Manifest, _object(counted(data)))
    except ValueError as error:
        raise _foreign(where, error) from None
    wrong = next(_wrong(found, pointer), None)
    if wrong:
        raise StoreError(f"{where}: its list {wrong}; nothing of it is taken; push the network again")
    return found


def _wrong(found: Manifest, pointer: Pointer) -> Iterator[str]:
    if found.name != pointer.name:
        yield f"is of the network '{found.name[:80]}'; expected '{pointer.name}'"
    if len(found.files) > MOST_FILES or len(found.elsewhere) > 2 * MOST_FILES:
        yield f"names {len(found.files):,} files; expected at most {MOST_FILES:,}"
    for name in found.files:
        if not is_safe(name):
            yield f"names the file {name[:80]!r}; expected one inside of the workspace, as graphs/zoo.yaml"
    folded = {name.casefold() for name in found.files}
    if len(folded) != len(found.files):
        yield "names two files that are one on some systems; expected names that differ in letters"
    if found.graph not in found.files or found.lock not in found.files:
        yield "names no graph file or no lock file; expected both"
    if found.lock != lock_path(Path(found.graph)).as_posix():
        yield f"names the lock file {found.lock[:80]!r}; expected the one beside the graph file"


def is_safe(name: str) -> bool:
    """Whether a file of this name may be written into a workspace, whoever names it.

    Only files that legonet itself writes: YAML and JSON, nothing hidden, no way out, on any system.
    """
    return (
        _SAFE.fullmatch(name) is not None
        and name.endswith(_ENDINGS)
        and not any(part.endswith((".", " ")) or _DEVICES.match(part) for part in name.split("/"))
    )


def pointer_to(manifest: Manifest, data: bytes) -> Pointer:
    """The pointer at a list, of these bytes."""
    return Pointer(name=manifest.name, manifest=sha256(data), size=len(data))


def _object(data: object) -> dict[str, object]:
    if not isinstance(data, dict):
        raise ValueError("no JSON object")
    return data


def _foreign(where: str, error: ValueError) -> StoreError:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        said = f"{'.'.join(map(str, first['loc']))[:80]}: {first['msg'][:120]}"
    else:
        said = str(error)[:120]
    return StoreError(
        f"{where}: not what `legonet push` writes ({said}); expected a remote of legonet, of a version that "
        "this legonet knows; check the address, or update legonet"
    )
