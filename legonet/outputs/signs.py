"""Scores of which each decides by its sign. What computes imports torch when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from legonet.graph.output import Output

if TYPE_CHECKING:
    from torch import Tensor


class Signs(Output):
    """Scores of which each, by itself, says yes where it is positive: what such kinds of outputs share."""

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compare softened probabilities; see `legonet.outputs.losses.sigmoid_divergence`."""
        from legonet.outputs.losses import sigmoid_divergence

        return sigmoid_divergence(student, teacher, temperature)

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Compare decisions: on which side of zero scores lie, and near zero how far.

        Scores are divided by a quarter of their standard deviation before they become probabilities.
        """
        from legonet.outputs.losses import SHARPNESS

        return self.soft_loss(SHARPNESS * student / scale, SHARPNESS * teacher / scale, 1.0)

    def agreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Give the part of the scores that are on the same side of zero."""
        from legonet.outputs.losses import same_sides

        return same_sides(student, teacher)
