"""`legonet evaluate`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from legonet.cli.options import Data, Device, GraphFile, Json, Paths

if TYPE_CHECKING:
    from legonet.bench.evaluate import Row
    from legonet.network import Network


def evaluate(
    graph: GraphFile,
    path: Paths = None,
    data: Data = "animals",
    device: Device = "cpu",
    as_json: Json = False,
) -> None:
    """Measure teachers, paths without their adapters, and transplanted paths on labelled images.

    For binary tasks also: how often each category's path says yes to images of every category.
    """
    import legonet
    from legonet.bench.evaluate import confusion
    from legonet.bench.evaluate import evaluate as measure
    from legonet.blocks.device import find_device
    from legonet.data.source import open_source

    network = legonet.load(graph)
    source = open_source(data, network.graph.input.shape)
    paths = [each.name for each in network.compile(*(path or [])).paths]
    paths = [each for each in paths if network.graph.tasks[each.split(":")[1]].output.kind != "vector"]
    where = find_device(device)
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


def _print(rows: list[Row], tables: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    from legonet.cli.table import columns

    cells = [("path", "measure", "teacher", "no adapter", "transplanted", "images")]
    for row in rows:
        teacher, unadapted, path = map(_percent, (row.teacher, row.unadapted, row.transplanted))
        cells.append((row.path, row.measure, teacher, unadapted, path, str(row.images)))
    print("\n".join(columns(cells, right=(2, 3, 4, 5))))
    for task, confused in tables.items():
        print(f"\n{task}: how often each path (row) says yes to images of a category (column)")
        categories = list(next(iter(confused.values())))
        grid = [["", *categories]]
        grid += [[path, *map(_percent, values.values())] for path, values in confused.items()]
        print("\n".join(columns(grid, right=range(1, len(categories) + 1))))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
