"""The demo: single-category networks become one modular network, one teacher at a time, with no image."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path
from typing import Any

from legonet.bench.evaluate import evaluate, measures, scores
from legonet.bench.ordinary import ordinary_learning
from legonet.data.source import Source, open_source
from legonet.errors import StoreError
from legonet.graph.dump import dump_yaml
from legonet.graph.edit import add_entries
from legonet.graph.load import load_graph
from legonet.graph.schema import Graph
from legonet.graph.select import split_path
from legonet.network import Network
from legonet.store.files import write_file
from legonet.store.workspace import init_workspace

GRAPH = "graphs/animals.yaml"
MARKER = "DEMO.txt"  # only a folder with it is emptied
PICTURES = ("svg", "png")
ORDINARY_SAMPLES = 100


@dataclasses.dataclass(frozen=True)
class Row:
    """One measure of one path of the grown network, on test images; all are fractions from 0 to 1.

    Attributes:
        path: `category:task`.
        measure: `error`, or for masks `pixel accuracy` or `IoU`.
        teacher: of the path's teacher.
        unadapted: with no adapter; None for a native path.
        ordinary: of the same adapter trained by its task loss on 100 labelled images.
        transplanted: of the path; fitted without any image.
        seconds: that fitting the adapter took.
    """

    path: str
    measure: str
    teacher: float
    unadapted: float | None
    ordinary: float | None
    transplanted: float
    seconds: float | None

    def data(self) -> dict[str, Any]:
        """The row as plain data."""
        return dataclasses.asdict(self)


def run_demo(folder: Path, quiet: bool = False, arrivals: int | None = None) -> list[Row]:
    """Grow the animals network in a workspace of its own.

    Args:
        folder: the workspace; what an earlier demo left there is removed.
        quiet: print nothing.
        arrivals: how many of the teachers arrive; default: all.

    Returns:
        One row for each path and measure, in order of arrival.

    Raises:
        StoreError: the folder holds something else.
    """
    _clear(folder)
    init_workspace(folder)
    write_file(folder / MARKER, b"Made by `legonet bench demo`, which empties this folder when it runs.\n")
    path = folder / GRAPH
    full = load_graph(path).graph
    _write_without_teachers(path, full)
    say = (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr, flush=True))
    seconds: dict[str, float] = {}
    arriving = list(full.teachers.items())[:arrivals]
    for number, (name, teacher) in enumerate(arriving, 1):
        entry = teacher.model_dump(mode="json", exclude_defaults=True)
        write_file(path, add_entries(path.read_text(), {"teachers": {name: entry}}).encode())
        network = Network.load(path)
        say(f"[{number}/{len(arriving)}] {name} arrives")
        for edge in network.plan().changes:
            say(f"      {edge.path}: {edge.action} by {edge.method}: {edge.reason}")
        for result in network.transplant().results:
            seconds[result.path] = result.seconds
            say(f"      {result.path}: fitted without an image in {result.seconds:.1f} s")
    if len(arriving) == len(full.teachers):
        _name_applications(path, full)
    network = Network.load(path)
    say("measuring on test images that no network has seen ...")
    rows = _measure(network, seconds)
    # The first measure of each path is the one that is drawn.
    figures = {row.path: {row.measure: row.transplanted, "teacher": row.teacher} for row in reversed(rows)}
    for suffix in PICTURES:
        network.render(folder / f"animals.{suffix}", figures)
    return rows


def _clear(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARKER).is_file():
        raise StoreError(
            f"{folder}: holds something else than a demo; expected a new folder or an earlier "
            "demo's; choose another one"
        )
    shutil.rmtree(folder)


def _write_without_teachers(path: Path, full: Graph) -> None:
    """The graph as it is before any teacher has come."""
    empty = full.model_copy(update={"teachers": {}, "adapters": {}, "applications": {}})
    write_file(path, dump_yaml(empty).encode())


def _name_applications(path: Path, full: Graph) -> None:
    """The full graph's applications, of which every path is there now."""
    applications = {name: list(paths) for name, paths in full.applications.items()}
    if applications:
        write_file(path, add_entries(path.read_text(), {"applications": applications}).encode())


def _measure(network: Network, seconds: dict[str, float]) -> list[Row]:
    source = open_source("animals", network.graph.input.shape)
    rows = []
    for teacher in network.graph.teachers.values():
        path = f"{teacher.category}:{teacher.task}"
        learned = _ordinary(network, path, source) if path in seconds else {}
        for row in evaluate(network, [path], source):
            assert row.teacher is not None  # noqa: S101 - the path is its teacher's
            rows.append(
                Row(
                    path,
                    row.measure,
                    row.teacher,
                    row.unadapted if learned else None,
                    learned.get(row.measure),
                    row.transplanted,
                    seconds.get(path),
                )
            )
    return rows


def _ordinary(network: Network, path: str, source: Source) -> dict[str, float]:
    """What ordinary learning is worth on test images, by measure."""
    category, task = split_path(path)
    mask = network.graph.tasks[task].output.kind == "mask"
    model = ordinary_learning(
        network, path, source.samples(category, mask=mask, split="train"), ORDINARY_SAMPLES
    )
    images, labels = source.samples(category, mask=mask)
    return measures(scores(model, images), labels)


def write_tables(rows: list[Row], folder: Path) -> str:
    """The demo's tables, one for each task and measure, with their means, and the diagram's name."""
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(f"{split_path(row.path)[1]}: {row.measure}", []).append(row)
    pictures = " and ".join(str(folder / f"animals.{suffix}") for suffix in PICTURES)
    return "\n".join(
        [
            *(line for name, chosen in tables.items() for line in (*_table(name, chosen), "")),
            "On test images. 'native' paths need no adapter.",
            f"Diagram: {pictures}",
        ]
    )


def _table(name: str, rows: list[Row]) -> list[str]:
    lines = [
        (
            name,
            "teacher",
            "no adapter",
            f"ordinary, {ORDINARY_SAMPLES} images",
            "transplanted, 0 images",
            "seconds",
        ),
        *(_cells(row) for row in rows),
    ]
    fitted = [row for row in rows if row.seconds is not None]
    if fitted:
        mean = Row(
            f"mean of {len(fitted)} transplanted",
            rows[0].measure,
            *(
                sum(getattr(row, field) or 0.0 for row in fitted) / len(fitted)
                for field in ("teacher", "unadapted", "ordinary", "transplanted", "seconds")
            ),
        )
        lines.append(_cells(mean))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]


def _cells(row: Row) -> tuple[str, ...]:
    def percent(value: float | None) -> str:
        return "native" if value is None else f"{value:.1%}"

    took = "" if row.seconds is None else f"{row.seconds:.1f}"
    return (
        row.path,
        percent(row.teacher),
        percent(row.unadapted),
        percent(row.ordinary),
        percent(row.transplanted),
        took,
    )
