"""`python -m benchmarks report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.options import RESULTS, Backbone, Data, Results, Root, Split, place_of, split_of


def report(
    docs: Annotated[Path, typer.Option("--output", "-o", help="Folder of the page.")] = Path("docs"),
    seeds: Annotated[int | None, typer.Option(min=1, help="How many seeds; default: 5.")] = None,
    split: Split = "test",
    results: Results = RESULTS,
    data: Data = "animals",
    backbone: Backbone = "vgg16",
    root: Root = None,
) -> None:
    """Write benchmarks.md from what was measured.

    Its plots and JSON files are written too. Needs the extra `bench`.
    """
    from benchmarks.experiments import SEEDS
    from benchmarks.paper import Choice, Setting
    from benchmarks.report import write_report

    setting = Setting(split_of(split), voc=place_of(data, root, results, backbone))
    for path in write_report(setting, Choice(seeds=seeds or SEEDS), results, docs):
        print(path)
