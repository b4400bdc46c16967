"""What the commands that edit a graph file have in common."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.completion import names_of

if TYPE_CHECKING:
    from legonet.graph.editing.operations import Edit

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing; print what would change in the file.")
]
References = Annotated[
    bool, typer.Option("--references", help="Remove what depends on it too; else it is refused.")
]
EntryName = Annotated[
    str,
    typer.Argument(
        metavar="ENTRY",
        autocompletion=names_of("categories", "tasks", "adapters", "teachers", "applications"),
        help="Its name; where several sections have it, with the section: categories.cat.",
    ),
]


def edit(
    graph: Path,
    wanted: Edit | Callable[[str], Edit],
    said: str | Callable[[], str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Edit a graph file, and print what was done.

    Args:
        graph: The file.
        wanted: The edit; or what says which, given the file's text.
        said: What was done, in words, or what tells it once it is done.
        dry_run: Print the difference, and write nothing.
        as_json: Print the result as JSON.
    """
    from legonet.graph.editing.compare import compared
    from legonet.graph.load import parse_graph
    from legonet.store.graph_file import edit_file, is_json

    before, after = edit_file(graph, wanted, dry_run=dry_run)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), str(graph), str(graph), lineterm="", n=2
    )
    if as_json:
        old, new = (parse_graph(text, str(graph), is_json(graph)).graph for text in (before, after))
        data = {
            "graph": str(graph),
            "written": not dry_run and before != after,
            "entries": compared(old, new),
        }
        print(json.dumps(data | {"diff": "".join(f"{line}\n" for line in lines)}, indent=2))
    elif dry_run or before == after:
        print("\n".join(lines) or f"{graph}: nothing to change.")
    else:
        print(f"{graph}: {said if isinstance(said, str) else said()}.")


def named(entry: str, graph: Path) -> Callable[[str], tuple[Any, str]]:
    """What finds the section and the name of an entry in a graph file's text."""

    def find(text: str) -> tuple[Any, str]:
        from legonet.errors import SelectError
        from legonet.graph.editing.operations import SECTIONS
        from legonet.graph.load import parse_yaml
        from legonet.graph.suggest import did_you_mean, listed
        from legonet.store.graph_file import is_json

        section, dot, name = entry.partition(".")
        if dot and section in SECTIONS:
            return section, name
        data = parse_yaml(text, str(graph), is_json(graph))[0]
        parts = {each: data[each] for each in SECTIONS if isinstance(data.get(each), dict)}
        found = [each for each, names in parts.items() if entry in names]
        if len(found) == 1:
            return found[0], entry
        if found:
            raise SelectError(
                f"{graph}: '{entry}' is among the {listed(found, ' and the ')}; expected one of them; write "
                f"{listed([f'{each}.{entry}' for each in found], ' or ')}"
            )
        known = [name for names in parts.values() for name in names]
        raise SelectError(
            f"{graph}: no entry '{entry}'; expected the name of a category, task, teacher or application, or "
            f"a path that has an adapter.{did_you_mean(entry, known)}"
        )

    return find
