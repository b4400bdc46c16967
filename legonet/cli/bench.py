"""`legonet bench`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import Help, Json

if TYPE_CHECKING:
    from legonet.bench.methods import Figure


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


@app.command("methods")
def methods(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    only: Annotated[str, typer.Option(help="Only the variants whose names contain this.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the rows to this JSON file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare methods on the animals network, without and with images; errors on validation images."""
    from legonet.bench.methods import run_methods
    from legonet.store.files import write_file

    figures: list[Figure] = []
    for figure in run_methods(seeds, only, lambda line: print(line, file=sys.stderr, flush=True)):
        figures.append(figure)
        if not as_json:
            print(_line(figure), flush=True)
        if output is not None:  # after each row, so that an interrupted run leaves what it measured
            write_file(output, (_json(figures) + "\n").encode())
    if as_json:
        print(_json(figures))


def _json(figures: list[Figure]) -> str:
    return json.dumps([figure.data() for figure in figures], indent=2)


def _line(figure: Figure) -> str:
    value = f"{figure.value:.1f} {figure.unit}" if figure.unit else f"{figure.value:.2f}"
    spread = "" if figure.spread is None else f" ± {figure.spread:.1f}"
    seconds = "" if figure.seconds is None else f"  {figure.seconds:.1f} s"
    target = (
        ""
        if figure.target is None
        else f"  (target {figure.target:.2f}: {'met' if figure.met else 'not met'})"
    )
    return f"{figure.measure:<55}{value:>8}{spread}{seconds}{target}"
