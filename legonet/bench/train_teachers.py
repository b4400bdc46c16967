"""Trains the teachers of the animals network: `python -m legonet.bench.train_teachers`.

One base is trained on the five animals that are no category. Each category's teacher is that base with a
new last layer, fine-tuned on the category's own set. Then the output channels of the last convolution
below the cut are put in a random order, another one for each category, with the input channels of the
next convolution: the teacher's outputs stay, but its halves fit no other teacher's.

Prints a table of errors on training, validation and test images. The test images are looked at for that
table only; every choice here was made on validation images. Same seed, same machine, same number of
threads: same bytes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from legonet.bench.teacher_training import (
    HEAD,
    Schedule,
    State,
    binary_loss,
    channel_order,
    class_loss,
    error,
    initial,
    outputs,
    plain,
    reorder,
    train,
)
from legonet.blocks.files import find_block
from legonet.blocks.schema import Block
from legonet.data import animals
from legonet.data.animals import CATEGORIES, OTHERS
from legonet.data.silhouettes import SPLITS
from legonet.errors import LegonetError
from legonet.store.files import write_file
from legonet.store.workspace import shipped_folder

BLOCK = "vgg-slim"
CUT = "pool2"
BASE = Schedule(rounds=220, learning_rate=2e-3, weight_decay=1e-2, warm_up=0.15)
FINE_TUNING = Schedule(rounds=32, learning_rate=7e-4, weight_decay=0.0, warm_up=0.1)

# Compositions are numbered so that no two trainings, and no training and the sets that
# `animals.single_category` gives for small seeds, share an image.
_COMPOSITIONS = 1_000_000
_PER_TRAINING = 1_000


@dataclass(frozen=True)
class Row:
    """What the table says of one teacher; errors from 0 to 1."""

    category: str
    train: float
    validation: float
    test: float
    seconds: float


def train_base(block: Block, seed: int) -> State:
    """Train the base: the other animals and plain backgrounds, one label for each.

    Args:
        block: The teachers' architecture; the base has more outputs.
        seed: Of weights, images and shuffles.

    Returns:
        Weights by layer.
    """
    generator = torch.Generator().manual_seed(seed)
    net = initial(block, len(OTHERS) + 1, generator)
    held_out = animals.base("validation")

    def progress(number: int) -> None:
        if number % 20 == 19 or number == BASE.rounds - 1:
            wrong = outputs(net, held_out.images).argmax(1) != held_out.labels
            print(
                f"base: round {number + 1}/{BASE.rounds}, validation error {wrong.float().mean():.1%}",
                flush=True,
            )

    first = _first(seed, 0)
    train(net, class_loss, lambda number: animals.base(seed=first + number), BASE, generator, progress)
    return plain(net.state_dict())


def fine_tune(block: Block, base: State, category: str, seed: int) -> nn.Sequential:
    """Fine-tune the base for one category.

    Args:
        block: The architecture.
        base: The base's weights.
        category: One of `animals.CATEGORIES`.
        seed: Of the last layer's weights (the same for all categories), images and shuffles.

    Returns:
        The teacher.
    """
    net = initial(block, 1, torch.Generator().manual_seed(seed))
    trunk = {name: value for name, value in base.items() if not name.startswith(f"{HEAD}.")}
    net.load_state_dict(trunk, strict=False)
    number = 1 + CATEGORIES.index(category)
    generator = torch.Generator().manual_seed(_first(seed, number))
    first = _first(seed, number)
    train(
        net,
        binary_loss,
        lambda round_: animals.single_category(category, seed=first + round_),
        FINE_TUNING,
        generator,
    )
    return net


def shuffle_features(net: nn.Sequential, block: Block, category: str, seed: int) -> State:
    """Put the channels at the cut in the category's own random order; the outputs do not change."""
    giver, taker = _convolutions_around(block, CUT)
    generator = torch.Generator().manual_seed(_first(seed, 100 + CATEGORIES.index(category)))
    state = plain(net.state_dict())
    return reorder(state, channel_order(len(state[f"{giver}.bias"]), generator), giver, (taker,))


def save_state(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write weights as safetensors, by layer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, save({name: state[name].float() for name in sorted(state)}))


def run(seed: int, out: Path) -> Iterator[Row]:
    """Train base and teachers, write the teachers, and report one after the other."""
    block = find_block(BLOCK, [shipped_folder("blocks")])
    base = train_base(block, seed)
    for category in CATEGORIES:
        start = time.monotonic()
        net = fine_tune(block, base, category, seed)
        net.load_state_dict(shuffle_features(net, block, category, seed))
        save_state(plain(net.state_dict()), out / f"{category}-classify.safetensors")
        seconds = time.monotonic() - start
        train_error, validation_error, test_error = (
            error(net, animals.single_category(category, split)) for split in SPLITS
        )
        yield Row(category, train_error, validation_error, test_error, seconds)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, train, print the table; the exit code."""
    parser = argparse.ArgumentParser(
        prog="legonet.bench.train_teachers", description="Train the animals' teachers."
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("graphs/teachers"), help="folder for the weights")
    parser.add_argument(
        "--threads", type=int, default=1, help="of torch; other numbers, slightly other weights"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        rows = []
        for row in run(options.seed, options.out):
            rows.append(row)
            print(f"{row.category}: validation error {row.validation:.1%}, {row.seconds:.0f} s", flush=True)
    except LegonetError as problem:
        print(problem)
        return 1
    print(f"\n{'teacher':<10}{'train':>8}{'validation':>12}{'test':>8}{'seconds':>9}")
    for row in rows:
        print(
            f"{row.category:<10}{row.train:>8.1%}{row.validation:>12.1%}{row.test:>8.1%}{row.seconds:>9.0f}"
        )
    return 0


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
