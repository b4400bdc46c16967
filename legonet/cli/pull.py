"""`legonet pull`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import Json


def pull(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="The remote: a folder, s3://…, gs://…, https://…, hf://… or ssh://…; or a graph file that "
            "was pulled before.",
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="A workspace, or a folder that becomes one.")
    ] = Path(),
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--path",
            metavar="PATH",
            help="Fetch the bytes of a path or an application now, and others when they are read; may be "
            "given several times; default: all now.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring a network, or what others have added, from a remote.

    All bytes are verified when they arrive. A pull that was cut goes on where it was when the command is run
    again.
    """
    from legonet.progress import open_bars
    from legonet.sharing.pull import pull
    from legonet.terminal import printable

    with open_bars(None if as_json else "auto") as bars:
        done = pull(url, folder, tuple(path or ()), bars)
    if as_json:
        print(json.dumps(done.data(), indent=2))
        return
    for each in done.notes:
        print(f"note: {printable(each)}", file=sys.stderr)
    if done.joined:
        print(f"{done.graph}: what was done here was joined with what the remote holds.")
    fetched = f"{done.fetched} fetched, {done.bytes / 2**20:,.1f} MiB; {done.there} were there already"
    later = f"; {done.later} are fetched when they are read" if done.later else ""
    print(f"{done.remote}: {fetched}{later}.")
    print(f"Run: legonet plan {shlex.quote(str(done.graph))}")
