"""How far features are from doing in g_T what real ones did: waking its units as often, spreading its output.

Synthesised images (`legonet.distill.synthesis.inversion`) are moved along this, by descent, until

    - each unit of g_T is active as often over the batch as its owner recorded,
    - half of the scores lie one recorded standard deviation above the mean, half below (maps are left free:
      the moments of all pixels, most of them background, say nothing of one pixel),
    - the mean map and the variance of each channel stay as recorded,

which only images with the teacher's own content can do. A unit's being active is counted by a
sigmoid of its input, so that it has a gradient.

Source: legonet; after feature inversion with matched statistics, Yin et al., arXiv:1912.08795.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.ir.interpreter import GraphModule
from legonet.ir.observe import observed
from legonet.ir.rows import taken_apart
from legonet.teachers.statistics import Statistics

SOFTNESS = 0.3  # of the count of active units, in standard deviations of their inputs
ACTIVITY_WEIGHT = 10.0


class ActivationMismatch:
    """How far a batch of features is from what a teacher's owner recorded.

        10 Σ (activity − recorded)²  +  smooth L1 of outputs to their targets  +  (mean map, variances)²

    Args:
        features: (batch, channels, height, width), the batch as it is at first; it tells which outputs are
            to lie above the mean, and which below.
        teacher: g_T, frozen.
        statistics: Of the teacher.
    """

    def __init__(self, features: Tensor, teacher: GraphModule, statistics: Statistics) -> None:
        self._teacher = teacher
        deviation = statistics.variance.sqrt().clamp_min(1e-6)
        if statistics.maps:
            numbers = torch.tensor([height * width for _, height, width in statistics.maps])
            channels = torch.tensor([shape[0] for shape in statistics.maps])
            deviation = deviation.repeat_interleave(numbers.repeat_interleave(channels))
        self._deviation = deviation.view(1, -1, *[1] * (features.ndim - 2)).to(features)
        self._maps = statistics.maps
        self._mean = statistics.mean.to(features) / self._deviation
        self._activity = [each.to(features) for each in statistics.activity]
        with torch.no_grad():
            output = teacher(features)
        self._spread = statistics.output_std.to(output).clamp_min(1e-6)
        self._target = _targets(output, statistics) if output.ndim == 2 else None

    def __call__(self, features: Tensor) -> Tensor:
        """A scalar for features of the same shape; 0 where all is as recorded."""
        scaled = features / self._deviation
        output, distance = _run(self._teacher, features, self._activity)
        loss = ACTIVITY_WEIGHT * distance
        if self._target is not None:
            loss = loss + F.smooth_l1_loss(output / self._spread, self._target / self._spread)
        loss = loss + (scaled.mean(0) - self._mean[0]).square().mean()
        spread = taken_apart((scaled - self._mean).square(), self._maps or None)
        return loss + (torch.cat([each.mean((0, 2, 3)) for each in spread]) - 1).square().mean()


def _run(teacher: GraphModule, features: Tensor, activity: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The teacher's output, and the squared distance of its units' activities from the recorded ones."""
    distances, recorded = [features.new_zeros(())], iter(activity)

    def compare(value: Tensor) -> None:
        axes = (0, *range(2, value.ndim))
        softness = SOFTNESS * value.detach().std(axes, keepdim=True).clamp_min(1e-6)
        distances.append((torch.sigmoid(value / softness).mean(0) - next(recorded)).square().mean())

    output = observed(teacher, features, compare)
    return output, sum(distances[1:], distances[0])


def _targets(output: Tensor, statistics: Statistics) -> Tensor:
    """Outputs one recorded standard deviation from the mean, on the side where each lies already."""
    side = torch.where(output > output.median(0).values, 1.0, -1.0)
    return statistics.output_mean.to(output) + side * statistics.output_std.to(output)
