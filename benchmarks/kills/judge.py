"""A workspace, what an undisturbed run makes of it, and whether one after a disturbed one makes the same."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

import legonet
from benchmarks.at_once import model
from benchmarks.kills.children import child, ended
from benchmarks.kills.points import Counter
from benchmarks.kills.rows import Row
from legonet.graph.lock import lock_path
from legonet.run.finetune import Tuning
from legonet.run.options import RunOptions
from legonet.store.blobs import Store

TUNING = Tuning(task="classify", steps=3, tolerance=10.0)
Use = Callable[[Path], None]


class Judge:
    """A workspace, and what becomes of copies of it.

    Args:
        folder: An empty one.
        seed: Of what is chosen by chance.

    Attributes:
        chance: What is chosen by chance.
        quick: A graph file whose run fits two adapters in a moment.
        slow: One whose run takes so long that others of its processes can be found.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.chance = folder, random.Random(f"kills {seed}")  # noqa: S311 - to be repeated
        torch.ones((), requires_grad=True).backward()  # autograd starts here, so that children can fit
        self.quick = self._made("quick", steps=12)
        self.slow = self._made("slow", steps=300)
        self._whole: dict[Path, object] = {}

    def _made(self, name: str, steps: int) -> Path:
        graph = self.folder / name / "graphs" / "zoo.yaml"

        def make() -> None:
            network = legonet.Network("zoo", (3, 8, 8))
            method = {"name": "back-distillation", "steps": steps, "batch": 2}
            network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": method})
            for number, category in enumerate(("cat", "dog", "cow")):
                network.add_teacher(
                    f"{category}-v1", model(number), category=category, task="classify", cut="pool1"
                )
            network.save(graph)

        if ended(child(make)):
            raise AssertionError("no workspace")
        return graph

    def copy(self, graph: Path, name: str = "copy") -> Path:
        """A copy of its own; all of one name take the same place, one after the other."""
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(graph.parents[1], target)
        return target / "graphs" / "zoo.yaml"

    def whole(self, graph: Path) -> object:
        """What an undisturbed run makes."""
        if graph not in self._whole:
            own = self.copy(graph)
            if ended(child(partial(transplant, own))):
                raise AssertionError("an undisturbed run failed")
            self._whole[graph] = contents(own)
        return self._whole[graph]

    def same(self, row: Row, graph: Path, wanted: object, use: Use) -> int:
        """Whether the next run, which nothing disturbs, makes what is wanted; how much it writes."""
        status, count = _counted(graph, use)
        if status == 0 and contents(graph) == wanted:
            row.same += 1
        else:
            row.faults.append(f"the next run ended with {status}, or with other bytes")
        return count

    def points(self, graph: Path, use: Use) -> int:
        """How much a run writes that nothing disturbs."""
        status, count = _counted(self.copy(graph), use)
        if status:
            raise AssertionError("an undisturbed run failed")
        return count


def transplant(graph: Path, options: RunOptions | None = None) -> None:
    """Build what is lacking."""
    legonet.load(graph).transplant(options=options or RunOptions(), progress=None)


def tune(graph: Path) -> None:
    """Tune the task's module, a little."""
    legonet.load(graph).finetune(TUNING, progress=lambda *_: None)


def contents(graph: Path) -> object:
    """What a run leaves that counts: the lock file, and the blobs by hash."""
    store = Store(graph.parents[1] / ".legonet" / "blobs")
    files = [file for file in store.folder.rglob("*") if file.is_file() and len(file.name) == 64]
    return lock_path(graph).read_bytes(), {file.name: store.get(file.name) for file in files}


def _counted(graph: Path, use: Use) -> tuple[int, int]:
    """How a run ended that nothing disturbed, and how much it wrote."""
    reader, writer = os.pipe()
    counter = Counter(graph.parents[1], None)

    def counted() -> None:
        use(graph)
        os.write(writer, str(counter.count).encode())

    status = ended(child(counted, counter))
    os.close(writer)
    with os.fdopen(reader) as pipe:
        return status, int(pipe.read() or 0)
