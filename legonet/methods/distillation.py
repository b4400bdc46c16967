"""The method `distillation`: the teacher's softened outputs on samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from legonet.distill.flops.work import Work
from legonet.graph.fields import Number, Positive
from legonet.graph.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.distill.fitting.context import Context


class Distillation(Method):
    """The paper's baseline TD: the teacher's softened outputs on samples, labelled or not."""

    name: Literal["distillation"]
    steps: Positive = Field(default=1000, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=32, description="images per step")
    temperature: Annotated[Number, Field(gt=0)] = Field(
        default=4.0, description="scores are divided by this before they become probabilities"
    )
    task_loss: bool = Field(default=True, description="add the task loss where samples have labels")

    def cost(self, work: Work) -> int:
        """Steps on the features of the images, which are computed and answered by the teacher once."""
        known = work.images * (work.f + work.teacher)
        return known + self.steps * min(self.batch, work.images) * work.step

    def fit(self, context: Context) -> dict[str, float]:
        """Minimise T² · KL(p_T ‖ p_S) of scores divided by the temperature T, and the task loss if labelled.

        Vectors, which are no scores, are compared by their squared distance.

        Returns:
            `loss`: its mean over the last tenth of the steps.

        Raises:
            DistillError: There are no samples.

        Source: Hinton et al., arXiv:1503.02531; arXiv:1804.10272, section 4 ("TD").
        """
        from legonet.distill.fitting.context import outputs_of
        from legonet.distill.fitting.on_samples import choose, expect_samples, optimise_on_samples

        features, labels = expect_samples(context, self.name)
        wanted, meaning = outputs_of(context.teacher, features), context.edge.meaning

        def loss() -> Tensor:
            chosen = choose(context, len(features), self.batch)
            output = context.output(features[chosen])
            value = meaning.soft_loss(output, wanted[chosen], self.temperature)
            if labels is not None and self.task_loss:
                value = value + meaning.task_loss(output, labels[chosen])
            return value

        return {"loss": optimise_on_samples(context, loss, self.steps, self.learning_rate)}
