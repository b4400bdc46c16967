"""The method `ordinary`: the task's own loss on labelled samples, which needs no teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from legonet.distill.flops.work import Work
from legonet.errors import DistillError
from legonet.graph.fields import Number, Positive
from legonet.graph.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.distill.fitting.context import Context


class Ordinary(Method):
    """The paper's baseline OL: the task's own loss on labelled samples."""

    needs_teacher: ClassVar[bool] = False

    name: Literal["ordinary"]
    steps: Positive = Field(default=1000, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=32, description="images per step")

    def cost(self, work: Work) -> int:
        """Steps on the features of the images, which are computed once."""
        return work.images * work.f + self.steps * min(self.batch, work.images) * work.step

    def fit(self, context: Context) -> dict[str, float]:
        """Minimise the task's own loss, L(y_S, y*), on labelled samples.

        Returns:
            `loss`: its mean over the last tenth of the steps.

        Raises:
            DistillError: There are no labelled samples.

        Source: Zhang et al., arXiv:1804.10272, section 4 ("OL").
        """
        from legonet.distill.fitting.on_samples import choose, expect_samples, optimise_on_samples

        features, labels = expect_samples(context, self.name)
        if labels is None:
            raise DistillError(
                f"{context.edge.path}: method ordinary got samples without labels; expected a label for "
                "each image; give labels, or choose closed-form, distillation or jacobian"
            )

        def loss() -> Tensor:
            chosen = choose(context, len(features), self.batch)
            output = context.output(features[chosen])
            return context.edge.meaning.task_loss(output, labels[chosen])

        return {"loss": optimise_on_samples(context, loss, self.steps, self.learning_rate)}
