"""`legonet demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import Json


def demo(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Where the demo's workspace is made.")] = Path(
        "build/demo"
    ),
    as_json: Json = False,
) -> None:
    """Grow the animals network and measure it.

    It grows one teacher at a time, from no image at all. Needs the extra `demo`.
    """
    from dataclasses import asdict

    from legonet.cli.program import program
    from legonet.demo.grow import invitation, pictures, run_demo
    from legonet.demo.table import write_tables

    rows = run_demo(folder, quiet=as_json)
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(write_tables(rows))
        print(f"Diagram: {' and '.join(map(str, pictures(folder)))}")
        print(invitation(folder, program()))
