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

import torch
from torch import nn

import legonet
from legonet.bench.targets import Figure, at_most

TEACHERS = 500  # of two modules each
MILLISECONDS, OF_ITS_OWN = 50.0, 1.25
WIDTH = 256  # of the task modules' linear layers, half a megabyte
REPEATS = 7


def opening(teachers: int = TEACHERS) -> Iterator[Figure]:
    """Processor time of a process that has imported torch and legonet, the files in the system's cache."""
    with tempfile.TemporaryDirectory() as folder:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context) as pool:
            many = pool.submit(save_many, f"{folder}/many", teachers).result()
            one = pool.submit(save_many, f"{folder}/one", 1).result()
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

    Returns:
        Its graph file.
    """
    torch.manual_seed(0)
    network = legonet.Network("many", (3, 8, 8))
    for number in range(teachers):
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv=nn.Conv2d(3, 8, 3, padding=1),
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(128, WIDTH),
            relu=nn.ReLU(),
            fc2=nn.Linear(WIDTH, WIDTH),
            fc3=nn.Linear(WIDTH, 1),
        )
        name = f"t{number}"
        network.add_teacher(name, nn.Sequential(layers), category=f"c{number}", task=name, cut="pool")
    file = str(network.save(Path(folder) / "graphs" / "many.yaml"))
    network = legonet.load(file)
    network.transplant()  # there is nothing to fit; the lock file is written
    for number in range(teachers):
        network.compile(f"c{number}:t{number}", passes="none")
    return file


def times(many: str, one: str) -> tuple[float, float, float]:
    """Seconds to open the many, to compile a path of them, and to compile the one; each in a fresh network."""
    found: dict[str, list[float]] = {"opened": [], "compiled": [], "own": []}
    for _ in range(REPEATS):
        for file, key in ((one, "own"), (many, "compiled")):
            begin = time.process_time()
            network = legonet.load(file)
            opened = time.process_time() - begin
            begin = time.process_time()
            network.compile("c0:t0")
            found[key].append(time.process_time() - begin)
        found["opened"].append(opened)
    opened, compiled, own = (statistics.median(each[1:]) for each in found.values())  # the first imports
    return opened, compiled, own
