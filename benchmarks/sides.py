"""A network of four classes: which way an animal's back points, merged from five classifiers trained apart.

`graphs/sides.yaml` is the network. `python -m benchmarks sides` trains the teachers that are not there,
each from a base that never saw its animal, merges them without an image, and prints each path's accuracy on
test images beside its teacher's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch
from torch import nn

from benchmarks.teacher_training import (
    Schedule,
    State,
    class_loss,
    initial,
    outputs,
    plain,
    shuffled,
    start_from,
    train,
)
from benchmarks.train_teachers import save_state
from legonet.blocks.files import find_block
from legonet.data import animals
from legonet.data.animals import CATEGORIES, SIDES
from legonet.evaluate import Measurement
from legonet.graph.load import load_graph
from legonet.graph.select import split_path
from legonet.network import Network
from legonet.store.workspace import shipped_folder

GRAPH = Path("graphs/sides.yaml")
MODEL, TASK, CUT = "vgg-slim-sides", "side", ("conv4_2", "conv4_3")
RECORDED = 400  # images of a teacher's owner that its statistics are recorded on
POINTS = 3  # that a path may be below its teacher
_COMPOSITIONS, _PER_TRAINING = 9_000_000, 1_000  # numbers of images that no other training sees
Say = Callable[[str], None]


BASE = Schedule(rounds=100, learning_rate=2e-3, weight_decay=1e-2, warm_up=0.15)
TEACHER = Schedule(rounds=24, learning_rate=7e-4, weight_decay=0.0, warm_up=0.1)


class Effort(NamedTuple):
    """How long base and teachers are trained."""

    base: Schedule = BASE
    teacher: Schedule = TEACHER


@dataclass(frozen=True)
class Row:
    """One path.

    Attributes:
        path: `category:side`.
        teacher: Accuracy of its teacher on test images, 0 to 1.
        unadapted: Of the category module joined to the task module with no adapter.
        path_accuracy: Of the path.
        images: That the adapter was fitted from.
        points: That the path may be below its teacher.
        draw: Which draw of images it was fitted from, or which seed of the fit.
    """

    path: str
    teacher: float
    unadapted: float
    path_accuracy: float
    images: int
    points: int = POINTS
    draw: int = 1

    @property
    def met(self) -> bool:
        """Whether the path is near enough to its teacher."""
        return self.path_accuracy >= self.teacher - self.points / 100


def make_teachers(graph: Path, effort: Effort, say: Say, threads: int = 1) -> None:
    """Write the weights and statistics of the graph's teachers that are not there yet."""
    torch.set_num_threads(threads)
    base: State | None = None
    for name, spec in load_graph(graph).graph.teachers.items():
        file = graph.parent / spec.weights
        if file.exists():
            continue
        if base is None:
            base = plain(_trained("base", None, effort.base, say).state_dict())
        net = _trained(spec.category, base, effort.teacher, say)
        save_state(shuffled(net, *CUT, _first(spec.category)), file)
        say(f"{name}: written to {file}")
    network = Network.load(graph)
    for name in network.graph.teachers:
        network.record(name, lambda category: animals.turned(category, count=RECORDED).images)


def _trained(category: str, base: State | None, schedule: Schedule, say: Say) -> nn.Sequential:
    """The base, or a category's teacher: the base with a new last layer, trained on."""
    net = initial(find_block(MODEL, [shipped_folder("blocks")]), len(SIDES), torch.Generator().manual_seed(0))
    start_from(net, base or {})
    first = _first(category)
    train(
        net,
        class_loss,
        lambda round_: animals.turned(category, seed=first + round_),
        schedule,
        torch.Generator().manual_seed(first),
    )
    held_out = animals.turned(category, "validation")
    right = (outputs(net, held_out.images).argmax(1) == held_out.labels).float().mean()
    say(f"{category}: {float(right):.1%} of validation images")
    return net


def _first(category: str) -> int:
    number = 0 if category == "base" else 1 + CATEGORIES.index(category)
    return _COMPOSITIONS + _PER_TRAINING * number


def run_sides(graph: Path, effort: Effort, images: Sequence[int], say: Say, seeds: int = 1) -> list[Row]:
    """Train what is not there, merge from so many labelled images of each category, and measure.

    Args:
        graph: The network, as it comes with legonet.
        effort: Of the trainings.
        images: Numbers of images that adapters are fitted from, such as 0.
        say: Told of what is done.
        seeds: Times that all is fitted, each from images of its own draw.
    """
    make_teachers(graph, effort, say)
    rows = []
    for count, draw in product(images, range(1, 1 + seeds)):
        network = Network.load(graph)
        native, *taught = [f"{each.category}:{each.task}" for each in network.graph.teachers.values()]
        for path in taught:
            network.connect(*split_path(path), {"seed": draw - 1})
        samples = {path: _few(path, draw, count) for path in taught} if count else None
        network.transplant(samples)
        found = [row for row in network.evaluate("animals").rows if row.measure == "accuracy"]
        rows += rows_of(found, native, count, draw=draw)
    return rows


def rows_of(
    found: Iterable[Measurement], native: str, count: int, points: int = POINTS, draw: int = 1
) -> Iterator[Row]:
    """Rows of what was measured; the native path, which has no adapter, is there once."""
    for row in found:
        if row.path == native and (count or draw > 1):
            continue
        assert row.teacher is not None and row.unadapted is not None  # noqa: S101, PT018 - each has a teacher
        images = 0 if row.path == native else count
        yield Row(row.path, row.teacher, row.unadapted, row.transplanted, images, points, draw)


def _few(path: str, seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = animals.turned(path.partition(":")[0], seed=seed, count=count)
    return drawn.images, drawn.labels


def table(rows: Sequence[Row]) -> str:
    """The rows as text; those of several draws as one, with their mean and the least and greatest."""
    lines = [f"{'path':<14}{'images':>8}{'teacher':>10}{'no adapter':>12}  {'transplanted':<24}{'met':>4}"]
    for path, images in dict.fromkeys((row.path, row.images) for row in rows):
        mine = [row for row in rows if (row.path, row.images) == (path, images)]
        found = [row.path_accuracy for row in mine]
        mean = replace(mine[0], path_accuracy=fmean(found))
        reached = f"{mean.path_accuracy:.1%}"
        if len(mine) > 1:
            reached += f" ({min(found):.1%} to {max(found):.1%})"
        figures = f"{mean.teacher:>10.1%}{mean.unadapted:>12.1%}  {reached:<24}"
        lines.append(f"{path:<14}{images:>8}{figures}{'yes' if mean.met else 'no':>4}")
    return "\n".join(lines)
