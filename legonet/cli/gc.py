"""`legonet gc`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import Json


def gc(
    place: Annotated[
        Path, typer.Argument(metavar="PLACE", help="A graph file, or a folder of the workspace.")
    ] = Path(),
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; otherwise it is only listed.")] = False,
    age: Annotated[str, typer.Option(metavar="DURATION", help="Leave out what is younger.")] = "1h",
    as_json: Json = False,
) -> None:
    """List what is stored and no longer needed, or delete it.

    That includes what commands that were killed have left.
    """
    from legonet.errors import StoreError
    from legonet.run.options import seconds_of
    from legonet.store.gc import delete_orphans, find_orphans
    from legonet.store.workspace import Workspace

    if not place.exists():
        raise StoreError(
            f"{place}: no such file or folder; expected a graph file or a folder of a workspace; check the "
            "path"
        )
    workspace = Workspace.find(place / "any" if place.is_dir() else place)
    look = delete_orphans if delete else find_orphans
    orphans = look(workspace, seconds_of("--age", age, or_none=True))
    if as_json:
        data = {
            "files": [str(file) for file in orphans.files],
            "bytes": orphans.bytes,
            "kept": orphans.kept,
            "young": orphans.young,
            "used": orphans.used,
            "deleted": delete,
        }
        print(json.dumps(data, indent=2))
        return
    for file in orphans.files:
        print(file)
    what = "freed" if delete else "could be freed with --delete"
    print(f"{len(orphans.files)} files, {orphans.bytes / 2**20:,.1f} MiB {what}; {orphans.kept} are needed.")
    if orphans.young:
        print(f"{orphans.young} others are younger than {age}: a run may be at work.")
    if orphans.used:
        print(f"{orphans.used} others are left alone: a run is at work that may need them.")
