"""`legonet bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import Help, Json

app = typer.Typer(
    help="Experiments, measured on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_help_option=False,
)


@app.callback()
def _bench(show_help: Help = False) -> None:
    """Experiments, measured on this machine."""


@app.command("demo")
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's workspace is made.")] = Path("build/demo"),
    as_json: Json = False,
) -> None:
    """Grow the animals network, one teacher at a time, from no image at all, and measure it."""
    from legonet.bench.demo import run_demo, write_table

    rows = run_demo(folder, quiet=as_json)
    print(json.dumps([row.data() for row in rows], indent=2) if as_json else write_table(rows, folder))
