"""`python -m benchmarks scale`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.options import RESULTS, Results
from benchmarks.cli.results import keep, print_figures, say
from legonet.cli.options import Json


def scale(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the files, the jobs and the year.")
    ] = False,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Measure how planning and running grow with the network.

    That covers plans, files, the store, the scheduler, and a year of arrivals.
    """
    from benchmarks.scale import SCALE, run_scale

    found = run_scale(quick, say)
    keep(results / SCALE, found.data())
    print_figures(found.figures, as_json)
