"""A network that finds animals: five detectors of one animal each, trained apart, merged without an image.

`graphs/scenes.yaml` is the network. `python -m benchmarks scenes` trains the teachers that are not there,
each from a base that never saw its animal, merges them, and prints each path's average precision on test
scenes beside its teacher's. With `--picture` it draws what both find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.sides import Row, rows_of
from benchmarks.teacher_training import (
    Schedule,
    State,
    initial,
    plain,
    shuffled,
    start_from,
    train,
)
from benchmarks.train_teachers import save_state
from legonet.blocks.files import find_block
from legonet.data.animals import CATEGORIES, COUNTS, OTHERS, Images
from legonet.data.scenes import SIZE, scenes
from legonet.data.silhouettes import Split
from legonet.graph.load import load_graph
from legonet.graph.output import Output
from legonet.network import Network
from legonet.outputs.boxes import BoxesOutput
from legonet.run.options import RunOptions
from legonet.store.workspace import shipped_folder

GRAPH = Path("graphs/scenes.yaml")
MODEL, TASK, CUT = "detector-slim", "find", ("conv4_2", "conv4_3")
POINTS, POINTS_WITH_IMAGES = 5, 3  # that a path may be below its teacher
ENLARGED = 4  # times, in the picture
SHOWN = 1  # scenes of each path in the picture
RECORDED = 400  # scenes of a teacher's owner that its statistics are recorded on
_COMPOSITIONS, _PER_TRAINING = 12_000_000, 1_000  # numbers of scenes that no other training sees
Say = Callable[[str], None]


class Effort(NamedTuple):
    """How long base and teachers are trained."""

    base: Schedule = Schedule(rounds=20, learning_rate=3e-3, weight_decay=1e-3, warm_up=0.15)
    teacher: Schedule = Schedule(rounds=8, learning_rate=1e-3, weight_decay=0.0, warm_up=0.1)


def meaning_of(graph: Path) -> BoxesOutput:
    """What the network's detectors give."""
    output = load_graph(graph).graph.tasks[TASK].output
    assert isinstance(output, BoxesOutput)  # noqa: S101 - as the graph file says
    return output


def make_teachers(graph: Path, effort: Effort, say: Say) -> None:
    """Write the weights and statistics of the graph's teachers that are not there yet."""
    meaning = meaning_of(graph)
    base: State | None = None
    for name, spec in load_graph(graph).graph.teachers.items():
        file = graph.parent / spec.weights
        if file.exists():
            continue
        if base is None:
            labels = meaning.model_copy(update={"labels": OTHERS})
            base = plain(_trained("base", labels, None, effort.base, say).state_dict())
        net = _trained(spec.category, meaning, base, effort.teacher, say)
        save_state(shuffled(net, *CUT, _first(spec.category)), file)
        say(f"{name}: written to {file}")
    network = Network.load(graph)
    for name in network.graph.teachers:
        network.record(name, lambda category: scenes(category, count=RECORDED).images)


def _trained(category: str, meaning: Output, base: State | None, schedule: Schedule, say: Say) -> nn.Module:
    """The base, or a category's teacher: the base with a new last layer, trained on."""
    outputs = meaning.shape((3, 64, 64))[0]
    block = find_block(MODEL, [shipped_folder("blocks")])
    net = start_from(initial(block, outputs, torch.Generator().manual_seed(0)), base or {})
    with torch.no_grad():
        head = net.get_submodule("head")
        head.get_parameter("weight").mul_(0.1)
        head.get_parameter("bias")[: outputs - 4] = -3.0  # few places hold an animal
    first = _first(category)

    def loss(output: Tensor, batch: Images) -> Tensor:
        return meaning.task_loss(output.flatten(2), batch.labels)

    def drawn(number: int) -> Images:
        images, labels = scenes(category, seed=first + number, count=COUNTS["train"])
        return Images(images, labels, labels)

    train(net, loss, drawn, schedule, torch.Generator().manual_seed(first), lambda n: say(f"{category}: {n}"))
    return net


def _first(category: str) -> int:
    number = 0 if category == "base" else 1 + CATEGORIES.index(category)
    return _COMPOSITIONS + _PER_TRAINING * number


def run_scenes(
    graph: Path,
    effort: Effort,
    images: Sequence[int],
    say: Say,
    split: Split = "test",
    draws: int = 1,
    only: Sequence[str] = (),
) -> list[Row]:
    """Train what is not there, merge from so many labelled scenes of each category, and measure.

    Args:
        graph: The network, as it comes with legonet.
        effort: Of the trainings.
        images: Numbers of scenes that adapters are fitted from, such as 0.
        say: Told of what is done.
        split: Which scenes are measured on.
        draws: Times that scenes are drawn to fit from; each time is measured.
        only: Paths; default: all.
    """
    make_teachers(graph, effort, say)
    rows = []
    for count in images:
        for draw in range(1, 1 + (draws if count else 1)):
            network = Network.load(graph)
            first, *taught = [f"{each.category}:{each.task}" for each in network.graph.teachers.values()]
            taught = [path for path in taught if not only or path in only]
            samples = {path: _scenes(path, "train", draw, count) for path in taught} if count else None
            network.transplant(samples, options=RunOptions(only=tuple(taught)))
            paths = [first, *taught] if not count and (not only or first in only) else taught
            found = network.evaluate({path: _scenes(path, split, 0, None) for path in paths}).rows
            rows += rows_of(found, first, count, POINTS_WITH_IMAGES if count else POINTS, draw)
    return rows


def _scenes(path: str, split: Split, seed: int, count: int | None) -> tuple[Tensor, Tensor]:
    drawn = scenes(path.partition(":")[0], split, seed, count)
    return drawn.images, drawn.labels


def draw(graph: Path) -> Image.Image:
    """Draw test scenes of each path: above what its teacher finds, below what the network finds."""
    network, columns = Network.load(graph), []
    for name, teacher in network.graph.teachers.items():
        path = f"{teacher.category}:{teacher.task}"
        images, _ = _scenes(path, "test", 1, SHOWN)
        with torch.no_grad():
            found = [model(images) for model in (network.teacher(name), network.compile(path))]
        for number, scene in enumerate(images):
            columns.append([_drawn(scene, each[number], path, meaning_of(graph)) for each in found])
    size, gap = columns[0][0].width, 8
    whole = Image.new("RGB", (len(columns) * (size + gap) - gap, 2 * size + gap), "white")
    for column, pair in enumerate(columns):
        for row, each in enumerate(pair):
            whole.paste(each, (column * (size + gap), row * (size + gap)))
    return whole


def _drawn(scene: Tensor, boxes: Tensor, path: str, meaning: BoxesOutput) -> Image.Image:
    """A scene, enlarged, with its boxes."""
    pixels = (scene.permute(1, 2, 0) * 255).round().byte().numpy()
    photo = Image.fromarray(pixels).resize((SIZE * ENLARGED, SIZE * ENLARGED), Image.Resampling.NEAREST)
    enlarged = torch.cat([boxes[:, :4] * ENLARGED, boxes[:, 4:]], 1)
    return meaning.read(enlarged, path.partition(":")[0]).overlay(photo)
