"""The method `jacobian`: outputs and real gradients of student and teacher, matched on samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from legonet.distill.flops.work import Work
from legonet.graph.fields import Number, Positive
from legonet.graph.method import Method

if TYPE_CHECKING:
    from legonet.distill.fitting.context import Context


class Jacobian(Method):
    """Outputs and real gradients (2) of student and teacher, matched on samples, labelled or not."""

    name: Literal["jacobian"]
    steps: Positive = Field(default=300, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=16, description="images per step")
    weight: Annotated[Number, Field(ge=0)] = Field(
        default=1.0, description="of the gradients' mismatch, beside the outputs'"
    )
    task_loss: bool = Field(default=True, description="add the task loss where samples have labels")

    def cost(self, work: Work) -> int:
        """Steps on the features of the images, which are computed and answered by the teacher once."""
        steps = self.steps * min(self.batch, work.images)
        return work.images * (work.f + work.teacher) + steps * work.step_of_gradients(self.weight)

    def fit(self, context: Context) -> dict[str, float]:
        """Match outputs and real gradients; see `legonet.distill.fitting.losses.value_and_jacobian`.

        Returns:
            `loss`: its mean over the last tenth of the steps.

        Raises:
            DistillError: There are no samples.
        """
        from legonet.distill.fitting.on_samples import expect_samples, match_gradients

        features, labels = expect_samples(context, self.name)
        return match_gradients(
            context,
            features,
            labels if self.task_loss else None,
            self.steps,
            self.learning_rate,
            self.batch,
            self.weight,
        )
