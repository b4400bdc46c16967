"""One descent for all that iterates: Adam on a module's parameters, mostly an adapter's."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from legonet.distill.fitting.adam import Adam
from legonet.distill.fitting.checkpoint import DescentState
from legonet.distill.fitting.context import StepCallback
from legonet.distill.gradients import passing


def optimise(
    module: nn.Module,
    loss: Callable[[], Tensor],
    steps: int,
    learning_rate: float,
    decay: bool = False,
    cycle: bool = False,
    progress: StepCallback | None = None,
    only: str = "",
    state: DescentState | None = None,
) -> list[float]:
    """Change a module's weights, in place, along the gradient of a loss.

    Args:
        module: Where the descent starts, such as an adapter; it is frozen after it.
        loss: A scalar of fresh samples or draws, computed through the module.
        steps: Of Adam.
        learning_rate: At the start.
        decay: Let it fall to zero along half a cosine.
        cycle: Let it rise from a twenty-fifth over the first tenth of the steps, then fall; `learning_rate`
            is the greatest (Smith and Topin, arXiv:1708.07120).
        progress: Called with (step, steps, loss).
        only: Change the parameters whose names end with this, such as `bias`; default: all.
        state: Where the descent leaves its state, and goes on from if there is one.

    Returns:
        The loss of each step.
    """
    parameters = [each.requires_grad_() for name, each in module.named_parameters() if name.endswith(only)]
    if not parameters:
        return []
    optimiser = Adam(parameters, lr=learning_rate)
    schedule = _schedule(optimiser, steps, learning_rate, decay, cycle)
    losses: list[float] = []
    done = 0 if state is None else state.restore(optimiser, schedule, losses)
    for step in range(done, steps):
        value = loss()
        optimiser.zero_grad(set_to_none=True)
        with passing():
            value.backward()
        optimiser.step()
        if schedule is not None:
            schedule.step()
        losses.append(float(value.detach()))
        if progress:
            progress(step + 1, steps, losses[-1])
        if state is not None:
            state.step(step + 1, optimiser, schedule, losses)
    for parameter in parameters:
        parameter.requires_grad_(False)
        parameter.grad = None
    return losses


def _schedule(
    optimiser: torch.optim.Optimizer, steps: int, learning_rate: float, decay: bool, cycle: bool
) -> torch.optim.lr_scheduler.LRScheduler | None:
    if cycle:
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser, learning_rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
        )
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps) if decay else None


def keep_better(module: nn.Module, judge: Callable[[], float], change: Callable[[], None]) -> float:
    """Change a module, and undo it unless that is judged to be better.

    Args:
        module: The module that changes.
        judge: Measures it as it is; less is better.
        change: Changes its weights, in place.

    Returns:
        The measure of the module as it is then.
    """
    before, start = judge(), copy.deepcopy(module.state_dict())
    change()
    after = judge()
    if after < before:
        return after
    module.load_state_dict(start)
    return before


def last_tenth(values: list[float]) -> float:
    """The mean of the last tenth of a descent's values: where it ended, without the noise of one step."""
    last = values[-max(1, len(values) // 10) :]
    return math.fsum(last) / len(last)
