"""`legonet teacher`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import Data, GraphFile, Help

app = typer.Typer(
    help="What the owner of a teacher does.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_help_option=False,
)


@app.callback()
def _teacher(show_help: Help = False) -> None:
    """What the owner of a teacher does."""


@app.command("record")
def record(
    graph: GraphFile,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="TEACHER...", help="Which teachers; default: all.")
    ] = None,
    data: Data = "animals",
) -> None:
    """Record statistics on the owner's images, so that transplanting needs none.

    They are written beside the weights and take at most a tenth of their size.
    """
    import legonet
    from legonet.data.source import open_source

    network = legonet.load(graph)
    source = open_source(data, network.graph.input.shape)
    for name in names or network.graph.teachers:
        path, count = network.record(name, lambda category: source.samples(category, split="train")[0])
        size = Path(path).stat().st_size
        print(f"{path}: {count} images, {size / 1024:.0f} KiB")
