"""The method `inversion`: values and Jacobians matched on images synthesised from the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from legonet.distill.flops.work import Work
from legonet.errors import DistillError
from legonet.graph.fields import Number, Positive
from legonet.graph.method import Method

if TYPE_CHECKING:
    from legonet.distill.fitting.context import Context


class Inversion(Method):
    """Outputs and real gradients, matched on images that are synthesised from the teacher."""

    name: Literal["inversion"]
    images: Positive = Field(default=256, description="how many are synthesised")
    steps: Positive = Field(default=300, description="optimiser steps of the matching")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=16, description="images per step")
    weight: Annotated[Number, Field(ge=0)] = Field(
        default=1.0, description="of the gradients' mismatch, beside the outputs'"
    )

    def cost(self, work: Work) -> int:
        """Synthesised images, the features of all, the teacher's answers, and the steps on these."""
        return self._material(work) + self._matched(work)

    def _material(self, work: Work) -> int:
        shown = self.images + work.images
        return work.inverted(self.images) + work.images * work.f + shown * work.teacher

    def _matched(self, work: Work) -> int:
        return self.steps * self.batch * work.step_of_gradients(self.weight)

    def fit(self, context: Context) -> dict[str, float]:
        """Synthesise images from the teacher, then match outputs and real gradients; no image is needed.

        Images that are given are used beside them, without labels. `legonet.distill.synthesis.inversion`
        makes images; the loss is `legonet.distill.fitting.losses.value_and_jacobian`.

        Returns:
            `loss`: its mean over the last tenth of the steps.

        Raises:
            DistillError: The images that f takes are not known.

        Source: Yin et al., arXiv:1912.08795 (inversion); Srinivas and Fleuret, arXiv:1803.00443 (Jacobians).
        """
        import torch

        from legonet.distill.fitting.on_samples import match_gradients
        from legonet.distill.synthesis.features import inverted_features

        edge = context.edge
        if edge.input is None:
            raise DistillError(
                f"{edge.path}: method inversion does not know the images that f takes; expected their shape "
                "and normalisation; give the edge an input, or choose auto"
            )
        if edge.statistics is None:
            context.notes.append(
                f"{edge.path}: the synthesised images stay as they were drawn: the teacher has no "
                "statistics; run `legonet teacher record`"
            )
        context.begin(lambda work: (self._material(work), self._matched(work)))
        context.tell(f"{self.images:,} images to learn from")
        features = inverted_features(context, edge.input, self.images)
        if context.features is not None:
            features = torch.cat([context.features, features])
        context.begin(lambda work: (self._matched(work), 0))
        return match_gradients(
            context, features, None, self.steps, self.learning_rate, self.batch, self.weight
        )
