"""`python -m benchmarks photos`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.options import RESULTS, Graph, Results, Seeds
from benchmarks.cli.results import say


def photos(
    graph: Graph = Path("graphs/photos.yaml"),
    images: Annotated[
        int, typer.Option(min=8, metavar="N", help="Images that each teacher is tuned on.")
    ] = 1600,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="Rounds over them.")] = 4,
    seeds: Seeds = 3,
    test: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Test images of each path; default: 1,000.")
    ] = None,
    docs: Annotated[Path, typer.Option("--output", "-o", help="Folder of the page.")] = Path("docs"),
    results: Results = RESULTS,
) -> None:
    """Build and measure a network of two architectures.

    These are EfficientNet-Lite0 and a VGG-style net. Needs the extra `zoo`.
    """
    from benchmarks.photo_teachers import Effort
    from benchmarks.photos import run_photos

    for path in run_photos(graph, results, docs, Effort(images=images, rounds=rounds), say, seeds, test):
        print(path)
