"""What methods share that descend on the features of samples.

They see the two task modules only through their outputs and gradients on real features, so these may be
of any architecture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from legonet.distill.fitting.context import Context, outputs_of
from legonet.distill.fitting.losses import output_scale, value_and_jacobian
from legonet.distill.fitting.optimise import last_tenth, optimise
from legonet.errors import DistillError


def expect_samples(context: Context, method: str) -> tuple[Tensor, Tensor | None]:
    """The features of the samples that a method needs, and their labels if they have any.

    Args:
        context: the fit under way.
        method: its name, for the message.

    Raises:
        DistillError: no samples.
    """
    if context.features is None:
        raise DistillError(
            f"{context.edge.path}: method {method} got no samples; expected images of the category; "
            "give some, or choose closed-form, which needs none"
        )
    return context.features, context.labels


def choose(context: Context, count: int, batch: int) -> Tensor:
    """Indices of a batch at random, among so many samples; with fewer samples the batch is smaller."""
    return torch.randint(count, (min(batch, count),), generator=context.generator).to(context.device)


def match_gradients(
    context: Context,
    features: Tensor,
    labels: Tensor | None,
    steps: int,
    learning_rate: float,
    batch: int,
    weight: float,
) -> dict[str, float]:
    """Match outputs and real gradients; see `legonet.distill.fitting.losses.value_and_jacobian`.

    Args:
        context: the fit under way.
        features: x, (samples, channels, height, width).
        labels: of the samples, for the task loss beside it.
        steps: of Adam, its learning rate falling along half a cosine.
        learning_rate: at the start.
        batch: samples per step.
        weight: of the gradients' mismatch.

    Returns:
        `loss`: its mean over the last tenth of the steps.
    """
    student = nn.Sequential(context.adapter, context.student)
    scale = output_scale(outputs_of(context.teacher, features))

    def loss() -> Tensor:
        chosen = choose(context, len(features), batch)
        value, output, _ = value_and_jacobian(
            student, context.teacher, features[chosen], scale, weight, context.generator
        )
        if labels is not None:
            value = value + context.edge.meaning.task_loss(output, labels[chosen])
        return value

    return {"loss": optimise_on_samples(context, loss, steps, learning_rate, decay=True)}


def optimise_on_samples(
    context: Context, loss: Callable[[], Tensor], steps: int, learning_rate: float, decay: bool = False
) -> float:
    """Change the adapter along the gradient of a loss, with progress and checkpoints.

    Args:
        context: the fit under way.
        loss: of a fresh batch.
        steps: of Adam.
        learning_rate: at the start.
        decay: let it fall to zero along half a cosine.

    Returns:
        The mean loss over the last tenth of the steps.
    """
    progress, state = context.progress, context.descent()
    return last_tenth(
        optimise(context.adapter, loss, steps, learning_rate, decay, progress=progress, state=state)
    )
