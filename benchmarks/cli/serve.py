"""`python -m benchmarks serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.results import print_figures
from legonet.cli.options import Json


def serve(
    requests: Annotated[int, typer.Option(min=1, metavar="N", help="How many, each of one image.")] = 256,
    clients: Annotated[int, typer.Option(min=1, metavar="N", help="How many ask at the same time.")] = 32,
    batch: Annotated[int, typer.Option(min=2, metavar="N", help="Images that are computed together.")] = 16,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="How often both ways take turns.")] = 5,
    as_json: Json = False,
) -> None:
    """Serve requests in batches, beside the same requests one by one."""
    from benchmarks.serve import Load, run_serve

    print_figures(run_serve(Load(requests, clients, batch, rounds)), as_json)
