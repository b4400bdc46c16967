"""Trains the teachers of the animals network: `python -m benchmarks.train_teachers`.

For each task one base is trained on the five animals that are no category. Each category's teacher is that
base with a new last layer, fine-tuned on the category's own set. The teachers that segment take over the
category module of those that classify, as it is; only what is above the cut is trained, base and teachers.

Then the output channels of the last convolution below the cut are put in a random order, another one for
each category, with the input channels of the next convolution: the teacher's outputs stay, but its halves
fit no other category's.

Prints a table of figures on training, validation and test images; with `--measure` it trains nothing and
measures the teachers that are there. The test images are looked at for that table only; every choice here was
made on validation images. Same seed, same machine, same number of threads: same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn

from benchmarks.teacher_training import (
    Loss,
    Schedule,
    State,
    binary_loss,
    class_loss,
    initial,
    outputs,
    pixel_class_loss,
    pixel_loss,
    plain,
    shuffled,
    start_from,
    train,
)
from legonet.blocks.files import find_block
from legonet.blocks.schema import Block
from legonet.data import animals
from legonet.data.animals import CATEGORIES, OTHERS, Images
from legonet.data.silhouettes import SPLITS, Split
from legonet.errors import LegonetError
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.mask import MaskOutput
from legonet.store.plain_files import write_file
from legonet.store.workspace import shipped_folder

CUT = "relu3_3"
SCHEDULES = {
    "classify": (
        Schedule(rounds=220, learning_rate=2e-3, weight_decay=1e-2, warm_up=0.15),
        Schedule(rounds=32, learning_rate=7e-4, weight_decay=0.0, warm_up=0.1),
    ),
    "segment": (
        Schedule(rounds=120, learning_rate=2e-3, weight_decay=1e-2, warm_up=0.15),
        Schedule(rounds=40, learning_rate=1.5e-3, weight_decay=0.0, warm_up=0.1),
    ),
}
"""Of the base, and of each teacher."""

# Compositions are numbered so that no two trainings, and no training and the sets that
# `animals.single_category` gives for small seeds, share an image.
_COMPOSITIONS = 1_000_000
_PER_TRAINING = 1_000
_ORDERS = 100  # the orders of channels are numbered beyond the trainings


@dataclass(frozen=True)
class Task:
    """How the teachers of one task are trained.

    Attributes:
        name: `classify` or `segment`.
        model: The block.
        base_loss: Of the base, which has one output for each animal and one for none.
        loss: Of a teacher, which has one output.
        first: Number of the base's training; those of the teachers follow.
    """

    name: str
    model: str
    base_loss: Loss
    loss: Loss
    first: int

    @cached_property
    def block(self) -> Block:
        """The architecture."""
        return find_block(self.model, [shipped_folder("blocks")])


CLASSIFY = Task("classify", "vgg-slim", class_loss, binary_loss, 0)
SEGMENT = Task("segment", "vgg-slim-fcn", pixel_class_loss, pixel_loss, 10)


@dataclass(frozen=True)
class Row:
    """One figure of a teacher, from 0 to 1, on the images of each split."""

    teacher: str
    measure: str
    values: tuple[float, ...]


def train_base(task: Task, seed: int, below: State | None = None) -> State:
    """Train the base: the other animals and plain backgrounds, one label for each.

    Args:
        task: What the base does.
        seed: Of weights, images and shuffles.
        below: Weights of a category module that stays as it is; default: all are trained.

    Returns:
        Weights by layer.
    """
    generator = torch.Generator().manual_seed(seed)
    net = _start(task, len(OTHERS) + 1, generator, {}, below)
    schedule = SCHEDULES[task.name][0]
    held_out = animals.base("validation")

    def progress(number: int) -> None:
        if number % 20 == 19 or number == schedule.rounds - 1:
            loss = task.base_loss(outputs(net, held_out.images), held_out)
            where = f"round {number + 1}/{schedule.rounds}"
            print(f"{task.name}, base: {where}, validation loss {loss:.3f}", flush=True)

    first = _first(seed, task.first)

    def sets(number: int) -> Images:
        return animals.base(seed=first + number)

    train(net, task.base_loss, sets, schedule, generator, progress)
    return plain(net.state_dict())


def fine_tune(task: Task, base: State, category: str, seed: int, below: State | None = None) -> nn.Sequential:
    """Fine-tune a base for one category.

    Args:
        task: What the teacher does.
        base: The base's weights.
        category: One of `animals.CATEGORIES`.
        seed: Of the last layer's weights (the same for all categories), images and shuffles.
        below: Weights of a category module that stays as it is; default: all are trained.

    Returns:
        The teacher.
    """
    net = _start(task, 1, torch.Generator().manual_seed(seed), base, below)
    first = _first(seed, task.first + 1 + CATEGORIES.index(category))
    train(
        net,
        task.loss,
        lambda number: animals.single_category(category, seed=first + number),
        SCHEDULES[task.name][1],
        torch.Generator().manual_seed(first),
    )
    return net


def shuffle_features(net: nn.Sequential, block: Block, category: str, seed: int) -> State:
    """Put the channels at the cut in the category's own random order; the outputs do not change."""
    giver, taker = _convolutions_around(block, CUT)
    return shuffled(net, giver, taker, _first(seed, _ORDERS + CATEGORIES.index(category)))


def save_state(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write weights as safetensors, by layer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, save({name: state[name].float() for name in sorted(state)}))


def run(seed: int, out: Path) -> Iterator[Row]:
    """Train bases and teachers, write the teachers, and report one after the other."""
    base = train_base(CLASSIFY, seed)
    classifiers = {}
    for category in CATEGORIES:
        net = fine_tune(CLASSIFY, base, category, seed)
        classifiers[category] = plain(net.state_dict())
        _write(CLASSIFY, net, category, seed, out)
        yield from measure(CLASSIFY, category, out)
    base = train_base(SEGMENT, seed, below=base)
    for category in CATEGORIES:
        net = fine_tune(SEGMENT, base, category, seed, below=classifiers[category])
        _write(SEGMENT, net, category, seed, out)
        yield from measure(SEGMENT, category, out)


def _write(task: Task, net: nn.Sequential, category: str, seed: int, out: Path) -> None:
    save_state(shuffle_features(net, task.block, category, seed), out / f"{category}-{task.name}.safetensors")


def measure(task: Task, category: str, folder: Path, splits: Sequence[Split] = SPLITS) -> Iterator[Row]:
    """What a teacher that was written is worth on images of each split, by measure."""
    net = initial(task.block, 1, torch.Generator())
    net.load_state_dict(load_file(folder / f"{category}-{task.name}.safetensors"))
    found = [_measure(net, category, split) for split in splits]
    for name in found[0]:
        yield Row(f"{category}-{task.name}", name, tuple(each[name] for each in found))


def _measure(net: nn.Sequential, category: str, split: Split) -> dict[str, float]:
    images = animals.single_category(category, split)
    output = outputs(net, images.images)
    if output.ndim == 2:
        return BinaryOutput(kind="binary").measures(output, images.labels)
    return MaskOutput(kind="mask").measures(output, images.masks[:, 0].long())


def _measured(folder: Path) -> Iterator[Row]:
    for task in (CLASSIFY, SEGMENT):
        for category in CATEGORIES:
            yield from measure(task, category, folder)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, train, print the table; the exit code."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.train_teachers", description="Train the animals' teachers."
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("graphs/teachers"), help="folder for the weights")
    parser.add_argument(
        "--threads", type=int, default=1, help="of torch; other numbers, slightly other weights"
    )
    parser.add_argument("--measure", action="store_true", help="measure the teachers in --out, train nothing")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    rows = []
    try:
        for row in _measured(options.out) if options.measure else run(options.seed, options.out):
            rows.append(row)
            print(f"{row.teacher}: {row.measure} {row.values[1]:.1%} on validation images", flush=True)
    except LegonetError as problem:
        print(problem)
        return 1
    heads = "".join(f"{split:>12}" for split in SPLITS)
    print(f"\n{'teacher':<16}{'measure':<16}{heads}")
    for row in rows:
        values = "".join(f"{value:>12.1%}" for value in row.values)
        print(f"{row.teacher:<16}{row.measure:<16}{values}")
    return 0


def _start(
    task: Task, labels: int, generator: torch.Generator, base: State, below: State | None
) -> nn.Sequential:
    """A network with random weights, or the base's, on a category module that stays as it is, if any."""
    net = initial(task.block, labels, generator)
    names = list(task.block.layers or {})
    frozen = tuple(names[: names.index(CUT) + 1]) if below is not None else ()
    kept = {key: value for key, value in (below or {}).items() if key.split(".")[0] in frozen}
    return start_from(net, base, kept, frozen=frozen)


def _first(seed: int, training: int) -> int:
    return _COMPOSITIONS * (1 + seed) + _PER_TRAINING * training


def _convolutions_around(block: Block, cut: str) -> tuple[str, str]:
    """The last convolution up to the cut, and the first one after it."""
    names = list(block.layers or {})
    kinds = {name: layer.type for name, layer in (block.layers or {}).items()}
    at = names.index(cut)
    giver = [name for name in names[: at + 1] if kinds[name] == "conv"][-1]
    taker = next(name for name in names[at + 1 :] if kinds[name] == "conv")
    return giver, taker


if __name__ == "__main__":
    raise SystemExit(main())
