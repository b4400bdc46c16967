"""`python -m benchmarks sides`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cli.options import Counts, Graph, Rows, Seeds
from benchmarks.cli.results import keep, print_found, say
from legonet.cli.options import Json


def sides(
    graph: Graph = Path("graphs/sides.yaml"),
    images: Counts = None,
    seeds: Seeds = 1,
    results: Rows = None,
    as_json: Json = False,
) -> None:
    """Merge five classifiers of four classes, trained apart, and measure.

    The teachers are trained first if they are not there, which takes some minutes.
    """
    from dataclasses import asdict

    from benchmarks.sides import Effort, run_sides, table

    found = run_sides(graph, Effort(), images or [0], say, seeds)
    rows = [asdict(row) for row in found]
    if results is not None:
        keep(results, rows)
    print_found(rows, table(found), as_json)
