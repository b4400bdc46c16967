"""What batching gives a server: requests in batches beside the same requests one by one, in one run."""

from __future__ import annotations

import asyncio
import io
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

import legonet
from benchmarks.targets import Figure, at_least
from legonet.compile.network import CompiledNetwork
from legonet.serve.images import Upload
from legonet.serve.options import ServeOptions
from legonet.serve.service import Service

GAIN = 1.5  # times as many requests in a second
CATEGORIES = ("cat", "dog", "cow")


@dataclass(frozen=True)
class Load:
    """What is asked.

    Attributes:
        requests: How many, each of one image.
        clients: How many ask at the same time, each again when it is answered.
        batch: How many images are computed together at most.
        rounds: How often; one by one and in batches take turns.
        size: Height and width of the images.
        width: Channels of the network's layers.
    """

    requests: int = 256
    clients: int = 32
    batch: int = 16
    rounds: int = 5
    size: int = 32
    width: int = 16


def run_serve(load: Load) -> list[Figure]:
    """Measure requests in a second, with decoding and JSON, without the network between them."""
    network, images = make_network(load), make_images(load)
    one, together = ServeOptions(batch=1, wait_ms=0), ServeOptions(batch=load.batch)
    gains, rates = list[float](), list[float]()
    for number in range(load.rounds):
        order = (one, together) if number % 2 else (together, one)
        seconds = {each.batch: asyncio.run(ask(network, each, images, load)) for each in order}
        gains.append(seconds[1] / seconds[load.batch])
        rates.append(load.requests / seconds[load.batch])
    what = f"{load.clients} clients, {len(CATEGORIES)} paths, {load.size}x{load.size} pixels"
    return [
        at_least(f"requests in batches of {load.batch}, of one by one; {what}", _median(gains), "x", GAIN),
        Figure(f"requests in a second, in batches; {what}", _median(rates), "1/s"),
    ]


async def ask(network: CompiledNetwork, options: ServeOptions, images: Sequence[bytes], load: Load) -> float:
    """Seconds that all requests take, once the service is warm."""
    left = iter(range(load.requests))
    async with Service(network, options) as service:

        async def client() -> None:
            for number in left:
                await service.predict([Upload(f"image {number}", images[number % len(images)])])

        begin = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(load.clients)))
        return time.perf_counter() - begin


def make_network(load: Load) -> CompiledNetwork:
    """Three classifiers of random weights; what they say does not matter here."""
    torch.manual_seed(0)
    network = legonet.Network("served", (3, load.size, load.size))
    for category in CATEGORIES:
        layers = [nn.Conv2d(3, load.width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(load.width, load.width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(load.width, 1))
        network.add_teacher(f"{category}-v1", model, category=category, task=f"is-{category}", cut="2")
    return network.compile()


def make_images(load: Load) -> list[bytes]:
    """Pictures as clients send them."""
    random, made = np.random.default_rng(0), list[bytes]()
    for _ in range(16):
        file = io.BytesIO()
        pixels = random.integers(0, 256, (load.size, load.size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, "PNG")
        made.append(file.getvalue())
    return made


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2)
