"""Grows the animals network in a workspace of its own, one teacher at a time, and measures it."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from legonet.data.source import Source, open_source
from legonet.demo.ordinary import ordinary_learning
from legonet.demo.table import ORDINARY_SAMPLES, Row
from legonet.errors import StoreError
from legonet.evaluate import scores
from legonet.graph.editing.dump import dump_yaml
from legonet.graph.editing.edit import add_entries
from legonet.graph.load import load_graph
from legonet.graph.lock import lock_path
from legonet.graph.reading.source import read_exactly
from legonet.graph.schema import Graph
from legonet.graph.select import split_path
from legonet.network import Network
from legonet.store.plain_files import write_file
from legonet.store.workspace import init_workspace

GRAPH = "graphs/animals.yaml"
YOURS = "graphs/yours.yaml"  # the same before its last teacher came: one connection is left to make by hand
YOUR_SEED = 1
FIGURES = "figures.json"  # what was measured of its paths
MARKER = "DEMO.txt"  # only a folder with it is emptied
ABOUT = "Made by `legonet demo`, which empties this folder when it runs.\n"


def run_demo(folder: Path, quiet: bool = False, arrivals: int | None = None) -> list[Row]:
    """Grow the animals network in a workspace of its own.

    Args:
        folder: The workspace; what an earlier demo left there is removed.
        quiet: Print nothing.
        arrivals: How many of the teachers arrive; default: all.

    Returns:
        One row for each path and measure, in order of arrival.

    Raises:
        StoreError: The folder holds something else.
    """
    _clear(folder)
    init_workspace(folder)
    write_file(folder / MARKER, ABOUT.encode())
    path = folder / GRAPH
    full = load_graph(path).graph
    _write_without_teachers(path, full)
    say = (lambda line: None) if quiet else (lambda line: print(line, file=sys.stderr, flush=True))
    seconds: dict[str, float] = {}
    arriving = list(full.teachers.items())[:arrivals]
    for number, (name, teacher) in enumerate(arriving, 1):
        if number == len(arriving):
            _leave_open(path, folder / YOURS, full, teacher.task)
        entry = teacher.model_dump(mode="json", exclude_defaults=True)
        write_file(path, add_entries(read_exactly(path), {"teachers": {name: entry}}).encode())
        network = Network.load(path)
        say(f"[{number}/{len(arriving)}] {name} arrives")
        for edge in network.plan().changes:
            say(f"      {edge.path}: {edge.action} by {edge.method}: {edge.reason}")
        for result in network.transplant().results:
            seconds[result.path] = result.seconds
            say(f"      {result.path}: fitted without an image in {result.seconds:.1f} s")
    _name_applications(path, full)
    network = Network.load(path)
    say("measuring on test images that no network has seen ...")
    rows = _measure(network, seconds)
    # The first measure of each path is the one that is drawn.
    there = {f"{each.category}:{each.task}" for each in load_graph(folder / YOURS).graph.teachers.values()}
    measured = json.dumps({"rows": [asdict(row) for row in rows if row.path in there]}, indent=2)
    write_file(folder / FIGURES, f"{measured}\n".encode())
    write_file(folder / MARKER, _about(folder).encode())
    figures = {row.path: {row.measure: row.transplanted, "teacher": row.teacher} for row in reversed(rows)}
    for picture in pictures(folder):
        network.render(picture, figures)
    return rows


def pictures(folder: Path) -> list[Path]:
    """The diagrams that the demo draws."""
    return [folder / f"animals.{suffix}" for suffix in ("svg", "png")]


def studio_command(folder: Path, program: str = "legonet") -> str:
    """The one command that opens the studio on the network that has grown, with one connection left open."""
    return shlex.join([program, "studio", str(folder / YOURS), "--figures", str(folder / FIGURES)])


def invitation(folder: Path, program: str = "legonet") -> str:
    """What the demo says last."""
    return (
        "One connection is left to you: make it, fit it and try it in the browser: "
        f"{studio_command(folder, program)}"
    )


def _about(folder: Path) -> str:
    return f"{ABOUT}{invitation(folder)}\n"


def _clear(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARKER).is_file():
        raise StoreError(
            f"{folder}: holds something other than a demo; expected a new folder or an earlier "
            "demo's; choose another one"
        )
    shutil.rmtree(folder)


def _write_without_teachers(path: Path, full: Graph) -> None:
    """The graph as it is before any teacher has come."""
    empty = full.model_copy(update={"teachers": {}, "adapters": {}, "applications": {}})
    write_file(path, dump_yaml(empty).encode())


def _leave_open(path: Path, yours: Path, full: Graph, task: str) -> None:
    """Write the network as it is now under another name, before its last connection, to a task, is made.

    What has been fitted is fitted there too. The task's next adapters have another seed, or the store would
    have the last one already, and nobody would see it fitted.
    """
    network = Network.load(path)
    graph, usual = network.graph, network.graph.tasks[task].adapter
    other = graph.tasks[task].model_copy(update={"adapter": usual.model_copy(update={"seed": YOUR_SEED})})
    fitted = {name: usual for name in network.lock.adapters if split_path(name)[1] == task}
    changes = {"name": yours.stem, "tasks": {**graph.tasks, task: other}, "adapters": fitted}
    write_file(yours, dump_yaml(graph.model_copy(update=changes)).encode())
    _name_applications(yours, full)
    lock = lock_path(path)
    if lock.exists():
        write_file(lock_path(yours), lock.read_bytes())


def _name_applications(path: Path, full: Graph) -> None:
    """The full graph's applications, with those of their paths that are there."""
    taught = {f"{each.category}:{each.task}" for each in load_graph(path).graph.teachers.values()}
    there = {name: [each for each in paths if each in taught] for name, paths in full.applications.items()}
    applications = {name: paths for name, paths in there.items() if paths}
    if applications:
        write_file(path, add_entries(read_exactly(path), {"applications": applications}).encode())


def _measure(network: Network, seconds: Mapping[str, float]) -> list[Row]:
    """The figures of every teacher's path, in order of arrival."""
    source = open_source("animals", network.graph.input.shape)
    paths = [f"{each.category}:{each.task}" for each in network.graph.teachers.values()]
    learned = {path: _ordinary(network, path, source) for path in paths if path in seconds}
    rows = []
    for row in network.evaluate(source, paths).rows:
        assert row.teacher is not None  # noqa: S101 - the path is its teacher's
        rows.append(
            Row(
                row.path,
                row.measure,
                row.teacher,
                row.unadapted if row.path in learned else None,
                learned.get(row.path, {}).get(row.measure),
                row.transplanted,
                seconds.get(row.path),
            )
        )
    return rows


def _ordinary(network: Network, path: str, source: Source) -> dict[str, float]:
    """Measure what ordinary learning reaches on test images."""
    category, task = split_path(path)
    meaning = network.graph.tasks[task].output
    mask = meaning.annotation() == "mask"
    given = source.samples(category, mask=mask, split="train")
    model = ordinary_learning(network, path, given, ORDINARY_SAMPLES)
    images, labels = source.samples(category, mask=mask)
    return meaning.measures(scores(model, images), labels)
