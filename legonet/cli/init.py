"""`legonet init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(help="The new workspace; made if it does not exist.")] = Path(),
    example: Annotated[
        bool, typer.Option("--example/--empty", help="With the animals example, or with blocks only.")
    ] = True,
) -> None:
    """Make a workspace: blocks, graphs and, unless --empty, the animals example."""
    from legonet.store.workspace import init_workspace

    for path in init_workspace(folder, example):
        print(path)
    print(f"\nWorkspace ready. Next: cd {folder} && legonet plan graphs/animals.yaml" if example else "\nReady.")
