"""How peers learn: Adam, one cycle of the learning rate, all their images in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

BATCH = 32


def learn(
    parameters: Iterable[Tensor],
    loss: Callable[[Tensor], Tensor],
    count: int,
    steps: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Lower a loss of batches, which is given the numbers of a batch's images.

    Source: Kingma and Ba, arXiv:1412.6980; Smith and Topin, arXiv:1708.07120.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(list(parameters), learning_rate)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    batches: list[Tensor] = []
    for _ in range(steps):
        batches = batches or list(torch.randperm(count, generator=generator).split(min(BATCH, count)))
        optimiser.zero_grad()
        loss(batches.pop()).backward()
        optimiser.step()
        cycle.step()
