"""Methods that need samples: `ordinary`, `distillation` and `jacobian`.

They see the two task modules only through their outputs and gradients on real features, so these may be
of any architecture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from legonet.distill.context import Context, outputs_of
from legonet.distill.descent import descend, last_tenth
from legonet.distill.losses import output_scale, soft_loss, task_loss, value_and_jacobian
from legonet.errors import DistillError
from legonet.graph.schema import Distillation, Jacobian, Ordinary


def fit_ordinary(context: Context, settings: Ordinary) -> dict[str, float]:
    """Minimise the task's own loss, L(y_S, y*), on labelled samples.

    Returns:
        `loss`: its mean over the last tenth of the steps.

    Raises:
        DistillError: no labelled samples.

    Source: Zhang et al., arXiv:1804.10272, section 4 ("OL").
    """
    features, labels = _samples(context, "ordinary")
    if labels is None:
        raise DistillError(
            f"{context.edge.path}: method ordinary got samples without labels; expected one for each "
            "image; give labels, or choose closed-form, distillation or jacobian"
        )

    def loss() -> Tensor:
        chosen = _choose(context, len(features), settings.batch)
        return task_loss(
            context.student(context.adapter(features[chosen])), labels[chosen], context.edge.meaning
        )

    return {"loss": _descended(context, loss, settings)}


def fit_distillation(context: Context, settings: Distillation) -> dict[str, float]:
    """Minimise T² · KL(p_T ‖ p_S), the scores divided by the temperature T, and the task loss if labelled.

    Vectors, which are no scores, are compared by their squared distance.

    Returns:
        `loss`: its mean over the last tenth of the steps.

    Raises:
        DistillError: no samples.

    Source: Hinton et al., arXiv:1503.02531; arXiv:1804.10272, section 4 ("TD").
    """
    features, labels = _samples(context, "distillation")
    wanted = outputs_of(context.teacher, features)

    def loss() -> Tensor:
        chosen = _choose(context, len(features), settings.batch)
        output = context.student(context.adapter(features[chosen]))
        value = soft_loss(output, wanted[chosen], settings.temperature, context.edge.meaning)
        if labels is not None and settings.task_loss:
            value = value + task_loss(output, labels[chosen], context.edge.meaning)
        return value

    return {"loss": _descended(context, loss, settings)}


def fit_jacobian(context: Context, settings: Jacobian) -> dict[str, float]:
    """Match outputs and real gradients on samples; see `legonet.distill.losses.value_and_jacobian`.

    Returns:
        `loss`: its mean over the last tenth of the steps.

    Raises:
        DistillError: no samples.
    """
    features, labels = _samples(context, "jacobian")
    student = nn.Sequential(context.adapter, context.student)
    scale = output_scale(outputs_of(context.teacher, features))

    def loss() -> Tensor:
        chosen = _choose(context, len(features), settings.batch)
        value, output, _ = value_and_jacobian(
            student, context.teacher, features[chosen], scale, settings.weight, context.generator
        )
        if labels is not None and settings.task_loss:
            value = value + task_loss(output, labels[chosen], context.edge.meaning)
        return value

    return {"loss": _descended(context, loss, settings, decay=True)}


def _samples(context: Context, method: str) -> tuple[Tensor, Tensor | None]:
    if context.features is None:
        raise DistillError(
            f"{context.edge.path}: method {method} got no samples; expected images of the category; "
            "give some, or choose closed-form, which needs none"
        )
    return context.features, context.labels


def _choose(context: Context, count: int, batch: int) -> Tensor:
    return torch.randint(count, (min(batch, count),), generator=context.generator).to(context.device)


def _descended(
    context: Context,
    loss: Callable[[], Tensor],
    settings: Ordinary | Distillation | Jacobian,
    decay: bool = False,
) -> float:
    losses = descend(
        context.adapter,
        loss,
        settings.steps,
        settings.learning_rate,
        decay,
        context.progress,
        state=context.descent(),
    )
    return last_tenth(losses)
