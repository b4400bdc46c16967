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

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from legonet.distill.flops.work import Work
from legonet.graph.fields import Number, Positive
from legonet.graph.method import Method

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from legonet.distill.fitting.context import Context
    from legonet.distill.pullback import Pullback, Shape


class BackDistillation(Method):
    """The paper's equation 3 with pseudo-gradients (4b), by stochastic gradient descent."""

    wants_alike: ClassVar[bool] = True

    name: Literal["back-distillation"]
    steps: Positive = Field(default=1500, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=8, description="draws, and images if there are any, per step")
    gradient: Literal["ones", "uniform"] = Field(
        default="uniform", description="G: all ones (the paper's Experiment 1), or uniform in [-1, 1]"
    )
    enlarge: Positive = Field(
        default=1, description="G of a vector output is spread over this many positions each way"
    )
    relu: Literal["identity", "masked", "lowest-masked"] = Field(
        default="masked",
        description="dummy ReLU of the task modules: 1st kind everywhere; 2nd kind everywhere; "
        "2nd kind in the lowest ReLU only (the paper's Experiment 2)",
    )
    channels: Literal["independent", "shared"] = Field(
        default="independent", description="whether x_rand differs between channels"
    )
    keep: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.5, description="fraction of positive elements of x_rand"
    )
    weight: Annotated[Number, Field(ge=0)] = Field(
        default=10.0, description="lambda is this divided by the mean norm of D'_T"
    )
    task_loss: bool = Field(default=True, description="add the task loss where labelled samples are given")

    def cost(self, work: Work) -> int:
        """A pullback takes as many operations as a pass; with labels each step is one of training too."""
        once = work.student + work.teacher + work.trained + (work.step if work.labelled else 0)
        return self.steps * self.batch * once

    def fit(self, context: Context) -> dict[str, float]:
        """Fit the adapter by equation (3).

        Labelled samples, if there are any, add the task loss.

        Returns:
            `residual`: ‖α D'_S − D'_T‖ / ‖D'_T‖ over the last tenth of the steps.
        """
        import torch

        from legonet.distill.fitting.optimise import last_tenth, optimise
        from legonet.distill.synthesis.sampling import draw_gradient

        adapter, edge, generator, device = context.adapter, context.edge, context.generator, context.device
        pull_student, pull_teacher, pull_adapter, output = _pullbacks(context, self)
        features, labels = context.features, context.labels if self.task_loss else None

        def draw(count: int) -> tuple[Tensor, Tensor]:
            gradient = draw_gradient(count, output, self.gradient, generator).to(device)
            masks = [
                None if m is None else m.to(device) for m in _masks(count, pull_student, self, generator)
            ]
            with torch.no_grad():
                return pull_student(gradient, masks), pull_teacher(gradient, masks)

        u, wanted = draw(max(32, self.batch))
        norm = wanted.flatten(1).norm(dim=1).mean()
        alpha = norm / u.flatten(1).norm(dim=1).mean().clamp_min(1e-12)
        weight = self.weight / norm.clamp_min(1e-12)

        residuals: list[float] = []

        def loss() -> Tensor:
            u, wanted = draw(self.batch)
            difference = alpha * pull_adapter(u) - wanted
            residuals.append(float(difference.detach().norm() / wanted.norm().clamp_min(1e-12)))
            value = weight * difference.square().flatten(1).sum(1).mean()
            if features is not None and labels is not None:
                chosen = torch.randint(len(features), (self.batch,), generator=generator).to(device)
                scores = context.output(features[chosen])
                value = value + edge.meaning.task_loss(scores, labels[chosen])
            return value

        optimise(
            adapter,
            loss,
            self.steps,
            self.learning_rate,
            progress=context.progress,
            state=context.descent(residuals),
        )
        return {"residual": last_tenth(residuals)}


def _pullbacks(context: Context, settings: BackDistillation) -> tuple[Pullback, Pullback, Pullback, Shape]:
    """The pullbacks of g_S, g_T and h, and the shape of G."""
    from legonet.distill.enlarge import convolutional, enlarged_input
    from legonet.distill.pullback import Pullback, expect_alike

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
    from legonet.distill.synthesis.sampling import draw_masks

    shapes = pull.relu_shapes
    if settings.relu == "identity":
        return [None] * len(shapes)
    masked = shapes[:1] if settings.relu == "lowest-masked" else shapes
    drawn = draw_masks(count, masked, float(settings.keep), generator, settings.channels == "shared")
    return [*drawn, *[None] * (len(shapes) - len(masked))]
