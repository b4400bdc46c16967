"""Methods side by side on the animals network: the generic task module is dog's, four edges.

Errors are means over the four transplanted categories, on validation images; the test images are left for
final figures.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from legonet.bench.evaluate import measures, scores
from legonet.bench.ordinary import ordinary_learning
from legonet.data.source import Source, open_source
from legonet.graph.select import split_path
from legonet.network import Network
from legonet.store.workspace import init_workspace

GRAPH = "graphs/animals.yaml"
ORDINARY = "ordinary learning, 100 images"
RATIO = "closed-form, 0 images / ordinary learning, 100 images"
RATIO_TARGET = 2 / 3
DEFAULT = "closed-form"


@dataclass(frozen=True)
class Variant:
    """An adapter as in a graph file, and how many images of the category it is fitted from."""

    adapter: dict[str, Any] = field(default_factory=dict)
    images: int = 0
    labelled: bool = False


_LONG = {"name": "back-distillation", "steps": 1500}
_PAPER = {**_LONG, "steps": 200, "relu": "lowest-masked", "channels": "shared", "keep": 0.2, "enlarge": 7}
VARIANTS: dict[str, Variant] = {
    DEFAULT: Variant(),
    "closed-form, no output matching": Variant({"method": {"name": "closed-form", "matching": 0}}),
    "closed-form, random masks": Variant({"method": {"name": "closed-form", "masks": "random"}}),
    "closed-form, 1x1": Variant({"kernel": 1}),
    "closed-form, three 1x1": Variant({"kernel": 1, "depth": 3}),
    "closed-form, three 3x3": Variant({"kernel": 3, "depth": 3}),
    "back-distillation": Variant({"method": _LONG}),
    "back-distillation, three 1x1": Variant({"kernel": 1, "depth": 3, "method": _LONG}),
    "back-distillation, 200 steps as in the paper's Experiment 2": Variant(
        {"kernel": 1, "depth": 3, "method": _PAPER}
    ),
    "closed-form, 10 images": Variant(images=10),
    "closed-form, 100 images": Variant(images=100),
    "closed-form, 1,600 images": Variant(images=1600),
    "jacobian, 10 images": Variant({"method": "jacobian"}, images=10),
    "jacobian, 100 images": Variant({"method": "jacobian"}, images=100),
    "distillation, 100 images": Variant({"method": "distillation"}, images=100, labelled=True),
}


@dataclass(frozen=True)
class Figure:
    """One line of a bench: a measure, its value, and the target if there is one."""

    measure: str
    value: float
    unit: str
    spread: float | None = None
    seconds: float | None = None
    target: float | None = None
    met: bool | None = None

    def data(self) -> dict[str, Any]:
        """The line as plain data."""
        return asdict(self)


def run_methods(seeds: int, only: str, say: Callable[[str], None]) -> Iterator[Figure]:
    """Measure every variant.

    Args:
        seeds: how many seeds, from 0.
        only: measure only the variants whose names contain this.
        say: told what is being done.

    Yields:
        Errors in percent: the mean over categories and seeds, and the standard deviation over seeds of the
        categories' mean; seconds per adapter.
    """
    with tempfile.TemporaryDirectory() as folder:
        init_workspace(Path(folder))
        network = Network.load(Path(folder) / GRAPH)
        source = open_source("animals", network.graph.input.shape)
        paths = [edge.path for edge in network.plan().jobs]
        yield from _references(network, paths, source)
        learned = []
        for seed in range(seeds):
            say(f"{ORDINARY}, seed {seed}")
            learned.append(
                _mean(paths, source, lambda path, seed=seed: _ordinary(network, path, source, seed))
            )
        yield _figure(ORDINARY, learned)
        for name, variant in chosen_variants(only).items():
            errors, seconds = [], []
            for seed in range(seeds):
                say(f"{name}, seed {seed}")
                for path in paths:
                    network.connect(*split_path(path), adapter={**variant.adapter, "seed": seed})
                run = network.transplant(_samples(paths, source, variant))
                seconds += [result.seconds for result in run.results]
                errors.append(_mean(paths, source, network.compile))
            yield _figure(name, errors, seconds)
            if name == DEFAULT:
                ratio = statistics.fmean(errors) / statistics.fmean(learned)
                yield Figure(RATIO, ratio, "", target=RATIO_TARGET, met=ratio <= RATIO_TARGET)


def chosen_variants(only: str) -> dict[str, Variant]:
    """The variants whose names contain a text; all, if it is empty."""
    return {name: variant for name, variant in VARIANTS.items() if only in name}


def _references(network: Network, paths: list[str], source: Source) -> Iterator[Figure]:
    taught = {f"{each.category}:{each.task}": name for name, each in network.graph.teachers.items()}
    yield _figure("teacher", [_mean(paths, source, lambda path: network.teacher(taught[path]))])
    yield _figure("no adapter", [_mean(paths, source, network.unadapted)])


def _samples(paths: list[str], source: Source, variant: Variant) -> dict[str, tuple[Tensor, Tensor | None]]:
    """The first training images of each path's category."""
    if not variant.images:
        return {}
    samples = {}
    for path in paths:
        images, labels = source.samples(split_path(path)[0], split="train")
        samples[path] = images[: variant.images], labels[: variant.images] if variant.labelled else None
    return samples


def _ordinary(network: Network, path: str, source: Source, seed: int) -> nn.Module:
    samples = source.samples(split_path(path)[0], split="train")
    return ordinary_learning(network, path, samples, 100, seed)


def _mean(paths: list[str], source: Source, model: Callable[[str], nn.Module]) -> float:
    """The mean error over the paths' categories, in percent."""
    errors = []
    for path in paths:
        images, labels = source.samples(split_path(path)[0], split="validation")
        errors.append(100 * measures(scores(model(path), images), labels)["error"])
    return statistics.fmean(errors)


def _figure(name: str, errors: list[float], seconds: list[float] | None = None) -> Figure:
    return Figure(
        name,
        statistics.fmean(errors),
        "%",
        statistics.stdev(errors) if len(errors) > 1 else None,
        statistics.fmean(seconds) if seconds else None,
    )
