"""Adapters between networks of solar cells' photos: `auto` with its defaults, which nobody set for them.

    python -m benchmarks cells

Teachers of mono- and polycrystalline cells (`benchmarks.cell_teachers`), EfficientNet-Lite0 fine-tuned whole,
are cut in the middle; each kind's category module is joined to the other's task module, without an image and
with 10, 100 and all unlabelled ones. What is measured are test photos. Each fit has a process of its own, so
that its peak memory is known. With `--stranger`, category modules are of EfficientNet-Lite1, which shares
neither architecture nor weights with the task modules.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.cell_teachers import KINDS, MEAN, SIDE, STD, Measured, Photos, cells, measured, tune
from benchmarks.photo_teachers import Halves, halves, pretrained
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import Samples, fit
from legonet.graph.schema import Adapter, Input
from legonet.outputs.binary import BinaryOutput
from legonet.store.plain_files import write_file
from legonet.teachers.statistics import Statistics, allowance, record
from legonet.teachers.statistics_file import dump_statistics, parse_statistics

CUT = "blocks.4.1"
RECORDED = 400  # photos that statistics are recorded on
COUNTS = (0, 10, 100, None)  # unlabelled photos; None: all of training
RESULTS = "cells.json"


@dataclass(frozen=True)
class Fit:
    """What one adapter reached on test photos.

    Attributes:
        path: whose category module, and whose task module.
        images: unlabelled photos; None: all.
        teachers: the seed of the teachers.
        seed: of the fit.
        size: of the category's EfficientNet-Lite; the task's is Lite0.
        side: of the photos, in pixels.
        teacher: what the category's own teacher reaches.
        joined: what the two modules reach without an adapter.
        found: what they reach with it.
        agreement: the part of the photos that are decided as the teacher decides them.
        quality: what the fit says of itself.
        seconds: of the fit, by the clock.
        memory: peak of the fit beyond what the modules and the interpreter take, GiB.
    """

    path: str
    images: int | None
    teachers: int
    seed: int
    teacher: Measured
    joined: Measured
    found: Measured
    agreement: float
    quality: dict[str, float]
    seconds: float
    memory: float
    size: int = 0
    side: int = SIDE


def run_cells(
    folder: Path,
    seeds: int,
    teachers: int,
    counts: tuple[int | None, ...],
    threads: int,
    say: Callable[[str], None],
    size: int = 0,
    side: int = SIDE,
) -> Iterator[Fit]:
    """Train the teachers that are missing, fit and measure every adapter; results are kept in the folder."""
    path, known = folder / RESULTS, {}
    if path.exists():
        known = {_key(each): each for each in json.loads(path.read_text(encoding="utf-8"))}
    for number in range(teachers):
        for kind, each in product(KINDS, sorted({0, size})):
            _teacher(kind, number, folder, say, each, side)
    context = multiprocessing.get_context("spawn")
    for number, (own, other), images, seed in product(
        range(teachers), (KINDS[::-1], KINDS), counts, range(seeds)
    ):
        task = {"path": f"{own}:{other}", "images": images, "teachers": number, "seed": seed}
        task |= {"size": size, "side": side}
        if _key(task) not in known:
            with context.Pool(1) as pool:
                found = pool.apply(_measure, (folder, own, other, images, number, seed, threads, size, side))
            known[_key(task)] = asdict(found)
            write_file(path, (json.dumps(list(known.values()), indent=1) + "\n").encode())
        row = known[_key(task)]
        parts = {name: Measured(**row[name]) for name in ("teacher", "joined", "found")}
        yield Fit(**{**row, **parts})


def table(fits: list[Fit]) -> str:
    """Points above the teacher, by path and number of images: means over all seeds."""
    lines = [
        "| path | photos | error | balanced | AUC | agreement | seconds | GiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for path, images in dict.fromkeys((each.path, each.images) for each in fits):
        found = [each for each in fits if (each.path, each.images) == (path, images)]

        def mean(value: Callable[[Fit], float], among: list[Fit] = found) -> float:
            return statistics.fmean(map(value, among))

        lines.append(
            f"| {path} | {'all' if images is None else images} "
            f"| {100 * mean(lambda each: each.found.error - each.teacher.error):+.1f} "
            f"| {100 * mean(lambda each: each.found.balanced - each.teacher.balanced):+.1f} "
            f"| {mean(lambda each: each.found.auc - each.teacher.auc):+.3f} "
            f"| {100 * mean(lambda each: each.agreement):.1f} "
            f"| {mean(lambda each: each.seconds):.0f} | {max(each.memory for each in found):.1f} |"
        )
    return "\n".join(lines)


def _key(row: dict[str, object]) -> tuple[object, ...]:
    named = tuple(row[name] for name in ("path", "images", "teachers", "seed"))
    return *named, row.get("size", 0), row.get("side", SIDE)


def _weights(kind: str, seed: int, size: int, side: int) -> str:
    return f"{kind}-{seed}{f'-lite{size}' if size else ''}{f'-{side}' if side != SIDE else ''}.safetensors"


def _teacher(kind: str, seed: int, folder: Path, say: Callable[[str], None], size: int, side: int) -> Path:
    path = folder / _weights(kind, seed, size, side)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        model = pretrained(1, size)
        tune(model, cells(kind, side).train, seed)
        save_file({name: each.contiguous() for name, each in model.state_dict().items()}, path)
        say(f"{path}: trained")
    return path


def _halves(kind: str, seed: int, folder: Path, size: int = 0, side: int = SIDE) -> Halves:
    model = pretrained(1, size)
    model.load_state_dict(load_file(folder / _weights(kind, seed, size, side)))
    return halves(model.requires_grad_(False), side, CUT)


def _recorded(parts: Halves, photos: Photos) -> Statistics:
    limit = allowance(parts.below, parts.above)
    return parse_statistics(
        dump_statistics(record(parts.below, parts.above, photos.images[:RECORDED].split(64), limit)), "cells"
    )


def _measure(
    folder: Path,
    own: str,
    other: str,
    images: int | None,
    teachers: int,
    seed: int,
    threads: int,
    size: int,
    side: int,
) -> Fit:
    torch.set_num_threads(threads)
    teacher = _halves(own, teachers, folder, size, side)
    generic = _halves(other, teachers, folder, 0, side)
    split = cells(own, side)
    with torch.no_grad():
        shapes = [tuple(each.below(split.test.images[:1]).shape[1:]) for each in (teacher, generic)]
    edge = Edge(
        f"{own}:{other}", teacher.below, generic.above, teacher.above, shapes[0], shapes[1],
        BinaryOutput(kind="binary"), Input(shape=(3, side, side), mean=(MEAN,) * 3, std=(STD,) * 3),
        _recorded(teacher, split.train), _recorded(generic, cells(other, side).train),
    )  # fmt: skip
    given = None if images == 0 else Samples(split.train.images[:images])
    before, begin = _peak(), time.perf_counter()
    fitted = fit(edge, Adapter(kernel=3, seed=seed), given)
    seconds, memory = time.perf_counter() - begin, _peak() - before
    with torch.no_grad():
        features = _run(teacher.below, split.test.images)
        scores = [
            _run(module, features)[:, 0]
            for module in (teacher.above, generic.above, nn.Sequential(fitted.adapter, generic.above))
        ]
    own_teacher, joined, found = (measured(each, split.test.labels) for each in scores)
    return Fit(
        edge.path,
        images,
        teachers,
        seed,
        own_teacher,
        joined,
        found,
        agreement=float(((scores[0] > 0) == (scores[2] > 0)).float().mean()),
        quality=fitted.quality,
        seconds=round(seconds, 1),
        memory=round(memory, 2),
        size=size,
        side=side,
    )


def _run(module: nn.Module, values: Tensor) -> Tensor:
    return torch.cat([module(each) for each in values.split(64)])


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
