"""`legonet disconnect`."""

from __future__ import annotations

from typing import Annotated

import typer

from legonet.cli.completion import names_of
from legonet.cli.edited import DryRun, References, edit
from legonet.cli.options import GraphFile, Json


def disconnect(
    graph: GraphFile,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH", autocompletion=names_of("adapters"), help="Category and task: cat:classify."
        ),
    ],
    references: References = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take the adapter of a path out of the graph file.

    What has been fitted stays in the store until `legonet gc`.
    """
    from legonet.graph.editing.operations import Disconnect

    wanted = Disconnect(path=path, references=references)
    edit(graph, wanted, f"{path} disconnected", dry_run, as_json)
