"""Back-distillation as in the paper, by stochastic gradient descent.

    Loss(θ_h) = L(y_S, y*)  +  λ ‖α D'_S(θ_h) − D'_T‖²                                     (3)
    D' = f'_conv ∘ f'_dummy ∘ f'_pool^avg ∘ … ∘ f'_conv(G)                                  (4b)

    G    all ones, or uniform in [-1, 1]; spread over S x S outputs for a vector output
    α    E‖D'_T‖ / E‖D'_S‖, the latter at g_S's own input, as for the categories it already serves
    λ    weight / E‖D'_T‖
    f'_dummy   the identity (1st kind), or times 1(x_rand > 0), x_rand the same in g_S and g_T (2nd)
    L    only where labelled samples are given; real gradients, real ReLUs

The adapter starts from torch's random initialisation; its own ReLUs are of the 1st kind.

Source: Zhang et al., Network Transplanting, arXiv:1804.10272, equations (3) and (4b), section 4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.distill.context import Context
from legonet.distill.descent import descend, last_tenth
from legonet.distill.draws import draw_gradient, draw_masks
from legonet.distill.enlarge import convolutional, enlarged_input
from legonet.distill.losses import task_loss
from legonet.distill.pullback import Pullback, Shape, expect_alike
from legonet.graph.schema import BackDistillation


def fit_back_distillation(context: Context, settings: BackDistillation) -> dict[str, float]:
    """Fit the adapter by equation (3).

    Labelled samples, if there are any, add the task loss.

    Returns:
        `residual`: ‖α D'_S − D'_T‖ / ‖D'_T‖ over the last tenth of the steps.
    """
    adapter, edge, generator, device = context.adapter, context.edge, context.generator, context.device
    pull_student, pull_teacher, pull_adapter, output = _pullbacks(context, settings)
    features, labels = context.features, context.labels if settings.task_loss else None

    def draw(count: int) -> tuple[Tensor, Tensor]:
        gradient = draw_gradient(count, output, settings.gradient, generator).to(device)
        masks = [
            None if m is None else m.to(device) for m in _masks(count, pull_student, settings, generator)
        ]
        with torch.no_grad():
            return pull_student(gradient, masks), pull_teacher(gradient, masks)

    u, wanted = draw(max(32, settings.batch))
    norm = wanted.flatten(1).norm(dim=1).mean()
    alpha = norm / u.flatten(1).norm(dim=1).mean().clamp_min(1e-12)
    weight = settings.weight / norm.clamp_min(1e-12)

    residuals: list[float] = []

    def loss() -> Tensor:
        u, wanted = draw(settings.batch)
        difference = alpha * pull_adapter(u) - wanted
        residuals.append(float(difference.detach().norm() / wanted.norm().clamp_min(1e-12)))
        value = weight * difference.square().flatten(1).sum(1).mean()
        if features is not None and labels is not None:
            chosen = torch.randint(len(features), (settings.batch,), generator=generator).to(device)
            scores = context.student(adapter(features[chosen]))
            value = value + task_loss(scores, labels[chosen], edge.meaning)
        return value

    descend(
        adapter,
        loss,
        settings.steps,
        settings.learning_rate,
        progress=context.progress,
        state=context.descent(residuals),
    )
    return {"residual": last_tenth(residuals)}


def _pullbacks(context: Context, settings: BackDistillation) -> tuple[Pullback, Pullback, Pullback, Shape]:
    """The pullbacks of g_S, g_T and h, and the shape of G."""
    student, teacher = context.student, context.teacher
    shape, source = context.edge.target, context.edge.source
    pair = Pullback(student, shape), Pullback(teacher, source)
    expect_alike(*pair, context.edge.path)
    if settings.enlarge > 1 and len(pair[0].output_shape) == 1:
        student, teacher = convolutional(student, shape), convolutional(teacher, source)
        shape = enlarged_input(student, settings.enlarge, shape)
        source = enlarged_input(teacher, settings.enlarge, source)
        pair = Pullback(student, shape), Pullback(teacher, source)
    return pair[0], pair[1], Pullback(context.adapter, source), pair[0].output_shape


def _masks(
    count: int, pull: Pullback, settings: BackDistillation, generator: torch.Generator
) -> list[Tensor | None]:
    """Masks of the 2nd kind for the ReLUs that have them, None for the others."""
    shapes = pull.relu_shapes
    if settings.relu == "identity":
        return [None] * len(shapes)
    masked = shapes[:1] if settings.relu == "lowest-masked" else shapes
    drawn = draw_masks(count, masked, float(settings.keep), generator, settings.channels == "shared")
    return [*drawn, *[None] * (len(shapes) - len(masked))]
