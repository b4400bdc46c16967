"""Fits between networks of the sizes that people have, with images of 224x224: how long, and how much memory.

    python -m benchmarks large

Two teachers of each architecture, cut where half of the multiplications lie below; the second is the first
with other weights above the cut, as after fine-tuning. Weights are random: time and memory don't depend on
them. Statistics are recorded on crops of the photos in the package; no image is given. Each network has a
process of its own.
"""

from __future__ import annotations

import copy
import importlib
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from benchmarks.memory import forget_peak, peak
from legonet.data.crops import crop_images, public_photos
from legonet.network import Network
from legonet.store.plain_files import write_file

MODELS = {
    "resnet50": "torchvision.models",
    "convnext_tiny": "torchvision.models",
    "swin_t": "torchvision.models",
    "vit_small_patch16_224": "timm.models",
}
SIDE = 224
RECORDED = 64  # images
NOISE = 0.1  # of each weight's deviation, that the second teacher's are moved by
RESULTS = "large.json"
GIB = 2**30


@dataclass(frozen=True)
class Row:
    """What joining two networks of one architecture took.

    Attributes:
        model: The architecture.
        parameters: How many numbers one has.
        cut: Where it was cut.
        features: The shape of what crosses there.
        seconds: Of the fit, by the clock.
        processor: Of the fit, of all its threads.
        memory: The process's peak while it fitted, GiB; interpreter and modules included.
        beyond: What of that was not there before the fit.
        threads: That the fit had.
    """

    model: str
    parameters: int
    cut: str
    features: tuple[int, ...]
    seconds: float
    processor: float
    memory: float
    beyond: float
    threads: int


def run_large(folder: Path, threads: int, only: str = "") -> Iterator[Row]:
    """Fit what the results do not have yet."""
    file = folder / RESULTS
    rows = {} if not file.exists() else {each["model"]: each for each in json.loads(file.read_text("utf-8"))}
    context = multiprocessing.get_context("spawn")
    for model in MODELS:
        if only not in model:
            continue
        if model not in rows:
            with context.Pool(1) as pool:
                rows[model] = asdict(pool.apply(_measure, (model, threads)))
            write_file(file, (json.dumps(list(rows.values()), indent=1) + "\n").encode())
        yield Row(**{**rows[model], "features": tuple(rows[model]["features"])})


def table(rows: list[Row]) -> str:
    """One line for each architecture."""
    lines = [
        "| network | weights | cut | features | seconds | of the processor | GiB in all | GiB of the fit |",
        "| --- | ---: | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {each.model} | {each.parameters / 1e6:.1f} M | `{each.cut}` "
        f"| {'x'.join(map(str, each.features))} "
        f"| {each.seconds:.0f} | {each.processor:.0f} | {each.memory:.1f} | {each.beyond:.1f} |"
        for each in rows
    ]
    return "\n".join(lines)


def _measure(name: str, threads: int) -> Row:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    make: Callable[..., nn.Module] = getattr(importlib.import_module(MODELS[name]), name)
    model = make(num_classes=1).eval()
    network = Network("large", (3, SIDE, SIDE), (0.5,) * 3, (0.5,) * 3)
    images = crop_images(RECORDED, (3, SIDE, SIDE), public_photos(), torch.Generator().manual_seed(0))
    for index, category in enumerate(("first", "second")):
        network.add_teacher(
            category, _tuned(model, index), category=category, task="classify", cut=0.5, images=images
        )
    (ports,) = network.ports(network.plan()).values()
    cut = network.graph.teachers["second"].cut
    forget_peak()
    before, begin, times = peak(), time.perf_counter(), os.times()
    network.transplant(progress=None)
    after, highest = os.times(), peak()
    return Row(
        name,
        sum(each.numel() for each in model.parameters()),
        cut,
        tuple(ports.gives.shape),
        round(time.perf_counter() - begin, 1),
        round(after.user - times.user + after.system - times.system, 1),
        round(highest / GIB, 2),
        round((highest - before) / GIB, 2),
        threads,
    )


def _tuned(model: nn.Module, index: int) -> nn.Module:
    """The model with each weight moved a little, the first as it is."""
    other = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(index)
    with torch.no_grad():
        for each in other.parameters():
            spread = each.std(correction=0) if each.numel() > 1 else each.abs().squeeze()
            each += index * NOISE * spread * torch.randn(each.shape, generator=generator)
    return other
