"""`legonet init`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The new workspace; made if it does not exist.")
    ] = Path(),
    example: Annotated[
        bool,
        typer.Option(
            "--example/--empty", help="With the animals example, or with a graph that is only begun."
        ),
    ] = True,
) -> None:
    """Make a workspace with blocks and the animals example.

    It holds the JSON Schema of graph files, which editors complete and check them by, and an image of each
    category to try paths on.
    """
    from legonet.store.workspace import init_workspace

    for path in init_workspace(folder, example):
        print(path)
    here = os.path.realpath(folder) == os.path.realpath(".")
    enter = "" if here else f"cd {shlex.quote(str(folder))} && "
    print("\nWorkspace ready.")
    if example:
        print(f"Next: {enter}legonet plan graphs/animals.yaml")
    else:
        graph = next(iter(sorted((folder / "graphs").glob("*.yaml"))))
        file = shlex.quote(str(graph.relative_to(folder)))
        print(f"Next: {enter}correct `input` in {file}, and add teachers: legonet teacher add {file} ...")
