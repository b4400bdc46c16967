"""`legonet rename`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.edited import DryRun, EntryName, edit, named
from legonet.cli.options import GraphFile, Json

if TYPE_CHECKING:
    from legonet.graph.editing.operations import Edit


def rename(
    graph: GraphFile,
    entry: EntryName,
    to: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Give a part of a graph file another name.

    Whatever refers to it follows: paths, applications, teachers, and the variants of a category.
    """
    find = named(entry, graph)

    def wanted(text: str) -> Edit:
        from legonet.graph.editing.operations import Rename

        section, name = find(text)
        return Rename(section=section, name=name, to=to)

    edit(graph, wanted, f"{entry} is {to} now", dry_run, as_json)
