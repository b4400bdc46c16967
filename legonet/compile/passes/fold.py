"""Scalings become part of the weights beside them, in private copies.

W (beta x) + b            = (beta W) x + b
gamma (W x + b - mu) / s + delta = (gamma W / s) x + gamma (b - mu) / s + delta,  s = sqrt(var + epsilon)
"""

from __future__ import annotations

from legonet.compile.program import Normed, Program, Scaled, Step, with_steps
from legonet.ir.notation import BatchNorm, Conv, ConvTranspose, Linear, Rescale


def fold_rescale(program: Program) -> Program:
    """Multiply the weights of a linear layer by the beta of the re-scaling layer below it."""
    return with_steps(program, lambda brick: _without_rescale(brick.steps))


def _without_rescale(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    kept: list[Step] = []
    for step in steps:
        below = kept[-1] if kept else None
        if (
            below is not None
            and isinstance(below.layer, Rescale)
            and isinstance(below.weights, str)
            and isinstance(step.layer, Conv | ConvTranspose | Linear)
        ):
            kept[-1] = Step(step.name, step.layer, Scaled(step.weights, below.weights))
        else:
            kept.append(step)
    return tuple(kept)


def fold_batch_norm(program: Program) -> Program:
    """Fold batch norm, with its recorded statistics, into the convolution below it."""
    return with_steps(program, lambda brick: _without_batch_norm(brick.steps))


def _without_batch_norm(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    kept: list[Step] = []
    for step in steps:
        below = kept[-1] if kept else None
        if (
            below is not None
            and isinstance(step.layer, BatchNorm)
            and isinstance(step.weights, str)
            and (
                isinstance(below.layer, Conv)
                or (isinstance(below.layer, ConvTranspose) and below.layer.groups == 1)
            )
        ):
            layer = below.layer.model_copy(update={"bias": True})
            kept[-1] = Step(below.name, layer, Normed(below.weights, step.weights))
        else:
            kept.append(step)
    return tuple(kept)
