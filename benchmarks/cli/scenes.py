"""`python -m benchmarks scenes`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cli.options import Counts, Graph
from benchmarks.cli.results import print_found, say
from legonet.cli.options import Json


def scenes(graph: Graph = Path("graphs/scenes.yaml"), images: Counts = None, as_json: Json = False) -> None:
    """Merge five detectors of one animal each, trained apart, and measure.

    The teachers are trained first if they are not there, which takes some minutes.
    """
    from dataclasses import asdict

    from benchmarks.scenes import Effort, run_scenes
    from benchmarks.sides import table

    rows = run_scenes(graph, Effort(), images or [0], say)
    print_found([asdict(row) for row in rows], table(rows), as_json)
