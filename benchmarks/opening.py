"""A network of 1,000 modules: how long it takes to open, and to compile one path of it."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

import legonet
from benchmarks.targets import Figure, at_most
from legonet.graph.editing.edit import add_entries
from legonet.store.workspace import Workspace
from legonet.teachers.sources.file import FileTeacher

TEACHERS = 500  # of two modules each
MILLISECONDS, OF_ITS_OWN = 50.0, 1.25
WIDE, NARROW = 1024, 32  # of linear layers: the path that is compiled has 4.5 MiB
REPEATS = 7


def opening(teachers: int = TEACHERS) -> Iterator[Figure]:
    """Processor time of a process that has imported torch and legonet, the files in the system's cache.

    The path that is compiled is one of two in a network of its own, and one of all in the large network.
    """
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context) as pool:
            many = pool.submit(save_many, f"{folder}/many", teachers).result()
            one = pool.submit(save_many, f"{folder}/one", 2).result()
        with ProcessPoolExecutor(1, context) as pool:
            opened, compiled, own = pool.submit(times, many, one).result()
    modules = f"{2 * teachers:,} modules"
    yield at_most(f"opening a network of {modules}, beyond imports", 1000 * opened, "ms", MILLISECONDS)
    yield at_most(
        f"compiling one path of {modules}: of its time in a network of its own",
        compiled / own,
        "x",
        OF_ITS_OWN,
    )


def save_many(folder: str, teachers: int) -> str:
    """A workspace with so many teachers, each of a category and a task of its own; the store is filled.

    The first teacher is large, the others are small.

    Returns:
        Its graph file.
    """
    torch.manual_seed(0)
    network = legonet.Network("many", (3, 8, 8))
    for name, width in (("t0", WIDE), ("t1", NARROW)):
        network.add_teacher(name, _model(width), category=f"c{name}", task=name, cut="pool")
    file = network.save(Path(folder) / "graphs" / "many.yaml")
    for number in range(2, teachers):
        weights = {key: each.contiguous() for key, each in _model(NARROW).state_dict().items()}
        save_file(weights, file.parent / "teachers" / f"t{number}.safetensors")
    names = [f"t{number}" for number in range(2, teachers)]
    more: dict[str, dict[str, Any]] = {
        "categories": {f"c{name}": {} for name in names},
        "tasks": {name: {"output": {"kind": "binary"}} for name in names},
        "teachers": {
            name: {
                "category": f"c{name}",
                "task": name,
                "model": "t1",
                "weights": f"teachers/{name}.safetensors",
                "cut": "pool",
            }
            for name in names
        },
    }
    file.write_text(add_entries(file.read_text(), more))
    network = legonet.load(file)
    network.transplant()  # there is nothing to fit; the lock file is written
    workspace = Workspace.find(file)
    for name, teacher in network.graph.teachers.items():
        parts = FileTeacher(name, teacher, file.parent, workspace).parts()
        for sha, data in ((parts.f_sha, parts.f), (parts.g_sha, parts.g)):
            path = workspace.store.path(sha)  # written here, since the store waits for the disk each time
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return str(file)


def _model(width: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(3, 8, 3, padding=1),
        pool=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(128, width),
        relu=nn.ReLU(),
        fc2=nn.Linear(width, width),
        fc3=nn.Linear(width, 1),
    )
    return nn.Sequential(layers)


def times(many: str, one: str) -> tuple[float, float, float]:
    """Seconds to open the many, to compile a path of them, and to compile one of two; networks are fresh."""
    found: dict[str, list[float]] = {"opened": [], "compiled": [], "own": []}
    for _ in range(REPEATS):
        for file, key in ((one, "own"), (many, "compiled")):
            begin = time.process_time()
            network = legonet.load(file)
            opened = time.process_time() - begin
            begin = time.process_time()
            network.compile("ct0:t0")
            found[key].append(time.process_time() - begin)
        found["opened"].append(opened)
    opened, compiled, own = (statistics.median(each[1:]) for each in found.values())  # the first imports
    return opened, compiled, own
