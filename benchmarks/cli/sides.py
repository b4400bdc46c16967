"""`python -m benchmarks sides`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cli.options import Counts, Graph, Seeds
from benchmarks.cli.results import print_found, say
from legonet.cli.options import Json


def sides(
    graph: Graph = Path("graphs/sides.yaml"), images: Counts = None, seeds: Seeds = 1, as_json: Json = False
) -> None:
    """Merge five classifiers of four classes, trained apart, and measure.

    The teachers are trained first if they are not there, which takes some minutes.
    """
    from dataclasses import asdict

    from benchmarks.sides import Effort, run_sides, table

    rows = run_sides(graph, Effort(), images or [0], say, seeds)
    print_found([asdict(row) for row in rows], table(rows), as_json)
