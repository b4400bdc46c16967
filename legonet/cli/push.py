"""`legonet push`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from legonet.cli.completion import names_of
from legonet.cli.options import GraphFile, Json

_Sent = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        metavar="PATH",
        autocompletion=names_of("paths", "applications"),
        help="Send the bytes of a path or an application; may be given several times; default: of all.",
    ),
]


def push(
    graph: GraphFile,
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="[URL]",
            help="The remote: a folder, s3://…, gs://…, hf://… or ssh://…; default: the graph file's, if you "
            "have allowed it.",
        ),
    ] = None,
    path: _Sent = None,
    as_json: Json = False,
) -> None:
    """Send a network to a remote: what it lacks, and nothing twice.

    What others have pushed meanwhile is joined with what is here. A push that was cut goes on where it was
    when the command is run again.
    """
    import legonet
    from legonet.terminal import printable

    done = legonet.load(graph).push(url, paths=path, progress=None if as_json else "auto")
    if as_json:
        print(json.dumps(done.data(), indent=2))
        return
    for each in done.notes:
        print(f"note: {printable(each)}", file=sys.stderr)
    if done.joined:
        print(f"{graph}: what others have pushed was joined with what is here.")
    what = f"{done.sent} sent, {done.bytes / 2**20:,.1f} MiB; {done.there} were there already."
    print(f"{done.remote}: {what if done.sent else 'Nothing to send: all of it is there already.'}")
