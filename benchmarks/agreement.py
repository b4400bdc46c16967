"""How well fits say beforehand how often a path will decide as its teacher.

    python -m benchmarks.agreement

Adapters of the animals, with statistics of many and of few images, with and without images, with and without
a common base, of scores and of masks, by several methods. The constants of
`legonet.distill.fitting.estimate` come from the validation images; the part of the intervals that hold is
counted on the test images.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import torch
from torch import nn

import legonet
from benchmarks.bases import Kind, different_bases
from benchmarks.experiments import TARGETS
from benchmarks.rig import AnimalPictures
from legonet.compile.normalise import normalisation
from legonet.distill.fitting.context import Edge, outputs_of
from legonet.distill.fitting.fit import Samples, fit
from legonet.graph.schema import Adapter
from legonet.store.workspace import shipped_folder
from legonet.teachers.statistics import allowance, record
from legonet.teachers.statistics_file import dump_statistics, parse_statistics

RESULTS = Path("docs/results/agreement.jsonl")
RECORDED = (1600, 400, 60)  # images of statistics
ADAPTERS: tuple[dict[str, object], ...] = ({"kernel": 3}, {"kernel": 1, "depth": 3})
GIVEN = (10, 100)  # unlabelled images
METHODS = ("closed-form", "back-distillation")  # beside `auto`
SLOW = {"back-distillation"}  # methods of which one seed has to do
STRANGERS: tuple[Kind, ...] = ("initialisation", "architecture")


@dataclass(frozen=True)
class Judged:
    """One fit: what it expected, and what was so on images that it never saw.

    Attributes:
        name: what was fitted.
        expected: the agreement, and the ends of its interval.
        validation: the agreement on validation images.
        test: the same on test images.
        images: how many there are of each.
    """

    name: str
    expected: tuple[float, float, float]
    validation: float
    test: float
    images: int

    @property
    def held(self) -> bool:
        """Whether the agreement on test images is in the interval, give or take half an image."""
        _, least, most = self.expected
        return least - 0.5 / self.images <= self.test <= most + 0.5 / self.images


def read_judged(path: Path = RESULTS) -> list[Judged]:
    """The rows of a file."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Judged(**{**row, "expected": tuple(row["expected"])}) for row in rows]


def run_agreement(seeds: int) -> Iterator[Judged]:
    """Fit and measure."""
    network, pictures = legonet.load(shipped_folder("graphs") / "animals.yaml"), AnimalPictures()
    normalise = normalisation(network.graph.input)

    def judged(
        name: str, edge: Edge, spec: dict[str, object], seed: int, samples: Samples | None = None
    ) -> Judged:
        fitted = fit(edge, Adapter.model_validate({**spec, "seed": seed}), samples)
        agreements: dict[str, float] = {}
        count = 0
        for split in ("validation", "test"):
            category, _, task = edge.path.partition(":")
            images, _ = pictures.held_out(category, task == "segment", split)
            features = outputs_of(edge.category_module, normalise(images))
            wanted, found = (
                outputs_of(module, features)
                for module in (edge.teacher_module, nn.Sequential(fitted.adapter, edge.task_module))
            )
            count = len(images)
            agreements[split] = float(edge.meaning.agreement(found, wanted, torch.ones(1)).mean())
        quality = fitted.quality
        expected = (quality["agreement"], quality["agreement from"], quality["agreement to"])
        return Judged(name, expected, agreements["validation"], agreements["test"], count)

    for seed, category in product(range(seeds), TARGETS):
        edge = network.edge(f"{category}:classify")
        images = normalise(pictures.train(category, False, 0)[0])
        limit = allowance(edge.category_module, edge.teacher_module)
        for count in RECORDED:
            batches = images[:count].split(100)
            found = record(edge.category_module, edge.teacher_module, batches, limit)
            known = replace(edge, statistics=parse_statistics(dump_statistics(found), category))
            for spec in ADAPTERS:
                yield judged(f"{category}, {count} recorded, {spec}, seed {seed}", known, spec, seed)
        for count in GIVEN:
            given = Samples(images[:count])
            yield judged(f"{category}, {count} images, seed {seed}", edge, ADAPTERS[0], seed, given)
        for method in METHODS:
            if method not in SLOW or seed == 0:
                spec = {**ADAPTERS[0], "method": method}
                yield judged(f"{category}, {method}, seed {seed}", edge, spec, seed)
        masks = network.edge(f"{category}:segment")
        yield judged(f"{category}, masks, seed {seed}", masks, ADAPTERS[0], seed)
    for seed, category, kind in product(range(seeds), TARGETS, STRANGERS):
        edge = different_bases(network, category, kind)
        yield judged(f"{category}, other {kind}, seed {seed}", edge, ADAPTERS[0], seed)


def by_kind(rows: list[Judged]) -> dict[str, list[Judged]]:
    """Rows by what was fitted, whatever the category and the seed."""
    found: dict[str, list[Judged]] = {}
    for row in rows:
        found.setdefault(", ".join(row.name.split(", ")[1:-1]), []).append(row)
    return found


def _logit(share: float, images: int) -> float:
    return math.log((share * images + 0.5) / ((1 - share) * images + 0.5))


def main() -> None:
    """Run it, keep the rows, and say what part of the intervals held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = parser.parse_args().seeds
    rows = []
    for row in run_agreement(seeds):
        rows.append(row)
        print(row.name, *(f"{each:.3f}" for each in (*row.expected, row.test)), flush=True)
    RESULTS.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    print(f"{sum(row.held for row in rows)} of {len(rows)} intervals hold")
    for kind, found in by_kind(rows).items():
        off = [_logit(row.validation, row.images) - _logit(row.expected[0], row.images) for row in found]
        print(
            f"{kind}: {sum(row.held for row in found)} of {len(found)} hold; on validation images "
            f"{statistics.fmean(off):+.2f} ± {statistics.pstdev(off):.2f} logits from what was expected"
        )


if __name__ == "__main__":
    main()
