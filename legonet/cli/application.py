"""`legonet application`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.completion import names_of
from legonet.cli.edited import DryRun, edit
from legonet.cli.options import GraphFile, Help, Json

if TYPE_CHECKING:
    from legonet.graph.editing.operations import Edit

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", autocompletion=names_of("applications"), help="The application's name."),
]
Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH", autocompletion=names_of("paths"), help="Paths, such as cat:classify."),
]

app = typer.Typer(
    help="Name choices of paths in a graph file.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_help_option=False,
)


@app.callback()
def _application(show_help: Help = False) -> None:
    """Name choices of paths in a graph file."""


@app.command("set")
def set_paths(
    graph: GraphFile, name: Name, paths: Paths, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Let an application have these paths, and no other.

    It is made if there is none of this name.
    """
    _edit(graph, name, lambda _: paths, lambda: "has " + ", ".join(paths), dry_run, as_json)


@app.command("extend")
def extend(
    graph: GraphFile, name: Name, paths: Paths, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Add paths to an application.

    It is made if there is none of this name.
    """
    new = list(dict.fromkeys(paths))

    def longer(old: list[str]) -> list[str]:
        new[:] = [path for path in new if path not in old]
        return [*old, *new]

    _edit(graph, name, longer, lambda: "has " + ", ".join(new) + " too", dry_run, as_json)


@app.command("remove")
def remove(
    graph: GraphFile,
    name: Name,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            autocompletion=names_of("paths"),
            help="The paths; default: all of it.",
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take paths out of an application, or all of it out of the file."""

    def shorter(old: list[str]) -> list[str]:
        from legonet.errors import SelectError
        from legonet.graph.suggest import did_you_mean, listed

        for path in paths or ():
            if path not in old:
                there = f"its paths are {listed(old)}" if old else "there is no such application"
                raise SelectError(
                    f"{graph}: applications.{name}: no path '{path}'; {there}; name one of them."
                    f"{did_you_mean(path, old)}"
                )
        return [path for path in old if path not in paths] if paths else []

    said = f"without {', '.join(paths)}" if paths else "removed"
    _edit(graph, name, shorter, lambda: said, dry_run, as_json)


def _edit(
    graph: Path,
    name: str,
    change: Callable[[list[str]], list[str]],
    said: Callable[[], str],
    dry_run: bool,
    as_json: bool,
) -> None:
    def wanted(text: str) -> Edit:
        from legonet.graph.editing.operations import Add, Change, Remove
        from legonet.graph.load import parse_graph
        from legonet.store.graph_file import is_json

        there = parse_graph(text, str(graph), is_json(graph)).graph.applications
        paths: list[Any] = change(list(there.get(name, ())))
        if not paths:
            return Remove(section="applications", name=name)
        kind = Change if name in there else Add
        return kind(section="applications", name=name, entry=paths)

    edit(graph, wanted, lambda: f"application {name} {said()}", dry_run, as_json)
