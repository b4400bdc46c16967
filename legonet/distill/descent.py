"""One descent for all methods that iterate: Adam on the adapter's parameters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from legonet.distill.context import Context


def descend(
    context: Context, loss: Callable[[], Tensor], steps: int, learning_rate: float, decay: bool = False
) -> list[float]:
    """Change the adapter's weights, in place, along the gradient of a loss.

    Args:
        context: the fit under way; its adapter is where the descent starts, and is frozen again after it.
        loss: a scalar of fresh samples or draws, computed through the adapter.
        steps: of Adam.
        learning_rate: at the start.
        decay: let it fall to zero along half a cosine.

    Returns:
        The loss of each step.
    """
    parameters = [parameter.requires_grad_() for parameter in context.adapter.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps) if decay else None
    losses: list[float] = []
    for step in range(steps):
        value = loss()
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        if schedule is not None:
            schedule.step()
        losses.append(float(value.detach()))
        if context.progress:
            context.progress(step + 1, steps, losses[-1])
    for parameter in parameters:
        parameter.requires_grad_(False)
        parameter.grad = None
    return losses
