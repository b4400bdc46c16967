"""`legonet remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from legonet.cli.edited import DryRun, EntryName, References, edit, named
from legonet.cli.options import GraphFile, Json

if TYPE_CHECKING:
    from legonet.graph.editing.operations import Edit


def remove(
    graph: GraphFile,
    entry: EntryName,
    references: References = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take a part out of a graph file.

    It is refused while something depends on it. What has been built stays in the store until `legonet gc`.
    """
    find = named(entry, graph)

    def wanted(text: str) -> Edit:
        from legonet.graph.editing.operations import Remove

        section, name = find(text)
        return Remove(section=section, name=name, references=references)

    edit(graph, wanted, f"{entry} removed", dry_run, as_json)
