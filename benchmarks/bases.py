"""Edges whose two task modules do not have one base, and how well adapters do there.

    python -m benchmarks.bases            trains the teachers if need be, and prints a table

The generic task module is the animals network's own. The other teachers are not shipped: they are trained
into a cache folder when they are first wanted, some minutes each. Three kinds of difference:

    initialisation   a base of another random initialisation, seen other images
    architecture     likewise, and three quarters as wide, two convolutions less
    reordered        the shipped teacher, each hidden layer's units in a random order

Errors are on validation images; the final figures come from `python -m benchmarks paper`.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.experiments import EXPERIMENTS, GENERIC, TARGETS
from benchmarks.train_teachers import (
    CLASSIFY,
    CUT,
    Task,
    fine_tune,
    save_state,
    shuffle_features,
    train_base,
)
from legonet.blocks.build import build_layers, lowered
from legonet.blocks.schema import Block
from legonet.compile.normalise import normalisation
from legonet.data import animals
from legonet.distill.alignment.permute import Symmetry
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Samples, fit
from legonet.evaluate import scores
from legonet.graph.method import METHODS
from legonet.graph.schema import Adapter
from legonet.ir.interpreter import GraphModule, part
from legonet.ir.notation import Conv, Layer, Linear
from legonet.ir.split import cut_at
from legonet.network import Network
from legonet.store.blobs import MemoryStore
from legonet.store.workspace import shipped_folder
from legonet.teachers.statistics import Statistics, allowance, record
from legonet.teachers.statistics_file import dump_statistics, parse_statistics

Kind = Literal["initialisation", "architecture", "reordered"]
FOLDER = Path("build/bases")
SEED = 1  # of the other bases; the shipped teachers' is 0
DROPPED = ("conv3_2", "relu3_2", "conv4_2", "relu4_2")
BATCH = 200
ADAPTERS: Mapping[str, Mapping[str, Any]] = EXPERIMENTS["bases"].adapters


@dataclass(frozen=True)
class _Narrower(Task):
    """The same task by another architecture."""

    @cached_property
    def block(self) -> Block:
        """Three quarters as wide, without the second convolutions of the last two stages."""
        whole = CLASSIFY.block
        kept = {name: layer for name, layer in (whole.layers or {}).items() if name not in DROPPED}
        return whole.model_copy(update={"layers": {name: _narrowed(each) for name, each in kept.items()}})


def _narrowed(layer: Layer) -> Layer:
    def width(channels: int) -> int:
        return channels if channels < 4 else channels * 3 // 4  # images and scores keep theirs

    if isinstance(layer, Conv):
        return layer.model_copy(
            update={"in_channels": width(layer.in_channels), "out_channels": width(layer.out_channels)}
        )
    if isinstance(layer, Linear):
        return layer.model_copy(
            update={"in_features": width(layer.in_features), "out_features": width(layer.out_features)}
        )
    return layer


NARROWER = _Narrower(CLASSIFY.name, CLASSIFY.model, CLASSIFY.base_loss, CLASSIFY.loss, CLASSIFY.first)


def different_bases(
    network: Network, category: str, kind: Kind = "initialisation", folder: Path = FOLDER
) -> Edge:
    """An edge to the network's generic task module from a category whose teacher has another base.

    Args:
        network: the animals network.
        category: one of its categories, not the one that gives the task module.
        kind: how the teacher differs.
        folder: where teachers are kept that are not shipped; those that lack are trained.

    Returns:
        The edge, with statistics of the teacher's own training images.
    """
    edge = network.edge(f"{category}:classify")
    if kind == "reordered":
        return _reordered(edge)
    f, g = _teacher(network, category, kind, folder)
    images = normalisation(network.graph.input)(animals.single_category(category).images)
    with torch.no_grad():
        source = tuple(f(images[:1]).shape[1:])
    found = _statistics(f, g, images)
    return replace(edge, category_module=f, teacher_module=g, source=source, statistics=found)


def _reordered(edge: Edge) -> Edge:
    """The same teacher, the hidden units of g_T in a random order."""
    symmetry = Symmetry(edge.teacher_module, edge.source)
    permuted = symmetry.permuted(symmetry.random(torch.Generator().manual_seed(SEED)))
    recorded = edge.statistics
    if recorded is not None:
        recorded = replace(recorded, activity=permuted.reordered(recorded.activity))
    return replace(edge, teacher_module=permuted.module, statistics=recorded)


def _teacher(network: Network, category: str, kind: Kind, folder: Path) -> tuple[GraphModule, GraphModule]:
    """Find f and g_T of another base in the folder, trained if they are not there."""
    task, weights = NARROWER if kind == "architecture" else CLASSIFY, folder / kind
    path = weights / f"{category}-{task.name}.safetensors"
    if not path.exists():
        _train(task, [each for each in animals.CATEGORIES if each != GENERIC], weights)
    net = build_layers(task.block.layers or {})
    net.load_state_dict(load_file(path))
    whole = lowered(net)
    below, above = cut_at(whole.graph, CUT).parts
    return part(whole, below), part(whole, above)


def _train(task: Task, categories: Sequence[str], folder: Path) -> None:
    base = train_base(task, SEED)
    for category in categories:
        net = fine_tune(task, base, category, SEED)
        state = shuffle_features(net, task.block, category, SEED)
        save_state(state, folder / f"{category}-{task.name}.safetensors")
        print(f"{folder}: trained a teacher for {category}", flush=True)


def _statistics(f: GraphModule, g: GraphModule, images: Tensor) -> Statistics:
    """What the teacher's owner would record, in the precision of a file."""
    found = record(f, g, images.split(BATCH), allowance(f, g))
    return parse_statistics(dump_statistics(found), "statistics")


def measure(
    network: Network, kind: Kind, category: str, adapter: Adapter, images: int, folder: Path = FOLDER
) -> tuple[float, float, list[str]]:
    """Fit one adapter.

    Args:
        network: the animals network.
        kind: how the teacher differs.
        category: of the teacher.
        adapter: its shape, method and seed.
        images: how many unlabelled images of the category it is fitted from.
        folder: of the teachers.

    Returns:
        The error of the path and of the teacher on validation images, 0 to 1, and the fit's notes.
    """
    edge, normalise = different_bases(network, category, kind, folder), normalisation(network.graph.input)
    train = animals.single_category(category, seed=adapter.seed).images[:images]
    fitted = fit(edge, adapter, Samples(normalise(train)) if images else None)
    held_out = animals.single_category(category, "validation")
    features = scores(edge.category_module, normalise(held_out.images))
    student = nn.Sequential(fitted.adapter, edge.task_module)
    error, own = (
        edge.meaning.measures(scores(above, features), held_out.labels)["error"]
        for above in (student, edge.teacher_module)
    )
    return error, own, fitted.notes


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, train and fit, print the table; the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.bases", description="Adapters among strangers.")
    parser.add_argument("--kind", choices=get_args(Kind), action="append", help="default: all")
    parser.add_argument("--adapter", choices=ADAPTERS, action="append", help="default: all")
    parser.add_argument("--category", choices=TARGETS, action="append", help="default: all")
    parser.add_argument("--images", type=int, action="append", help="default: 0 and 10")
    parser.add_argument("--method", choices=METHODS.names(), default="auto")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where teachers are kept")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    network = Network.load(shipped_folder("graphs") / "animals.yaml")
    network.store = MemoryStore()
    print(
        f"{'difference':<16}{'adapter':<12}{'images':>6}{'teacher':>9}{'error':>9}{'spread':>8}", flush=True
    )
    for kind in options.kind or get_args(Kind):
        for name in options.adapter or ADAPTERS:
            for images in options.images or (0, 10):
                means, teachers = [], []
                for seed in range(options.seeds):
                    adapter = Adapter(**ADAPTERS[name], method=options.method, seed=seed)
                    rows = [
                        measure(network, kind, category, adapter, images, options.folder)
                        for category in options.category or TARGETS
                    ]
                    means.append(statistics.fmean(error for error, _, _ in rows))
                    teachers.append(statistics.fmean(own for _, own, _ in rows))
                spread = statistics.stdev(means) if len(means) > 1 else 0.0
                figures = f"{teachers[0]:>9.1%}{statistics.fmean(means):>9.1%}{spread:>8.1%}"
                print(f"{kind:<16}{name:<12}{images:>6}{figures}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
