"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.completion import names_of


def _help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        print(context.get_help())
        raise typer.Exit


# typer's own help option of a group of commands imports pydantic, which doubles the time that help takes.
Help = Annotated[
    bool,
    typer.Option("--help", "-h", help="Show this message and exit.", callback=_help, is_eager=True),
]
GraphFile = Annotated[
    Path, typer.Argument(metavar="GRAPH", help="The graph file, such as graphs/animals.yaml.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SampleFolders = Annotated[
    list[str] | None,
    typer.Option(
        "--samples",
        metavar="PATH=FOLDER",
        autocompletion=names_of("paths", end="="),
        help="Images for a path: a folder with one folder per category; may be given several times.",
    ),
]
Verify = Annotated[
    bool,
    typer.Option("--verify", help="First read all that has been built, and set aside what is damaged."),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Where to compute: cpu, cuda, mps, or auto, which is an accelerator if there is one.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="Images: animals (the extra `demo`), or a folder with one folder per category.",
    ),
]
Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--path",
        metavar="PATH",
        autocompletion=names_of("paths", "applications"),
        help="A path or an application; may be given several times; default: all built paths.",
    ),
]
