"""`legonet evaluate`."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import Data, Device, GraphFile, Json, device

if TYPE_CHECKING:
    from legonet.bench.evaluate import Row
    from legonet.network import Network


def evaluate(
    graph: GraphFile,
    path: Annotated[list[str] | None, typer.Option(help="A path or application; default: all built paths.")] = None,
    data: Data = "animals",
    device_name: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Measure teachers, paths without their adapters, and transplanted paths on labelled images.

    For binary tasks also: how often each category's path says yes to images of every category.
    """
    import legonet
    from legonet.bench.evaluate import confusion
    from legonet.bench.evaluate import evaluate as measure
    from legonet.data.source import open_source

    network = legonet.load(graph)
    source = open_source(data, network.graph.input.shape)
    paths = [each.name for each in network.compile(*(path or [])).paths]
    paths = [each for each in paths if network.graph.tasks[each.split(":")[1]].output.kind != "vector"]
    where = device(device_name)
    rows = measure(network, paths, source, where)
    tables = {
        task: confusion(network, chosen, source, where) for task, chosen in _binary(network, paths).items()
    }
    if as_json:
        print(json.dumps({"rows": [dataclasses.asdict(row) for row in rows], "says yes": tables}, indent=2))
    else:
        _print(rows, tables)


def _binary(network: Network, paths: list[str]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for path in paths:
        task = path.split(":")[1]
        if network.graph.tasks[task].output.kind == "binary":
            chosen.setdefault(task, []).append(path)
    return chosen


def _print(rows: list[Row], tables: dict[str, dict[str, dict[str, float]]]) -> None:  # type: ignore[valid-type]
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("path", "measure", "teacher", "no adapter", "transplanted", "images"):
        table.add_column(heading, justify="left" if heading in ("path", "measure") else "right")
    for row in rows:
        figures = [row.teacher, row.unadapted, row.transplanted]
        shown = ["" if value is None else f"{value:.1%}" for value in figures]
        table.add_row(row.path, row.measure, *shown, str(row.images))
    console.print(table)
    for task, confused in tables.items():
        console.print(f"\n{task}: how often each path (row) says yes to images of a category (column)")
        grid = Table(box=None, pad_edge=False)
        grid.add_column("")
        for category in next(iter(confused.values())):
            grid.add_column(category, justify="right")
        for path, values in confused.items():
            grid.add_row(path, *(f"{value:.1%}" for value in values.values()))
        console.print(grid)
