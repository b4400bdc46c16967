"""`python -m benchmarks saving`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cli.options import RESULTS, Graph, Results
from benchmarks.cli.results import keep, print_found
from legonet.cli.options import Json


def saving(
    graph: Graph = Path("graphs/animals.yaml"),
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Count what merging saves: teachers, each by itself, beside the one network."""
    from tempfile import TemporaryDirectory

    from benchmarks.saving import data, measure, table

    with TemporaryDirectory() as folder:
        sides = measure(graph, Path(folder))
    keep(results / "saving.json", data(sides))
    print_found(data(sides), table(sides), as_json)
