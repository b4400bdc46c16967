"""What tests of executors have in common."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from legonet.distill.fitting.fit import Samples
from legonet.graph.schema import Adapter
from legonet.run.executors.base import Executor, Outcome

QUICK = Adapter.model_validate(
    {"kernel": 1, "method": {"name": "closed-form", "draws": 4, "matching": 0}, "seed": 3}
)
ORDINARY = Adapter.model_validate({"kernel": 1, "method": {"name": "ordinary", "steps": 3}})
ENDLESS = Adapter.model_validate({"kernel": 1, "method": {"name": "ordinary", "steps": 10**8}})


def finish(executor: Executor, count: int = 1, listen: Callable[..., None] = lambda _: None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + 300
    while len(outcomes) < count and time.monotonic() < deadline:
        outcomes += executor.wait(1.0, listen)
    return outcomes


def samples() -> Samples:
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return Samples(images, torch.tensor([0, 1, 1, 0]))
