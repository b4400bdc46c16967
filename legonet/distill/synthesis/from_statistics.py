"""Features at a cut, from what the teacher's owner recorded: no image is needed.

    x = mean_k + Σ_r z_r factor_r + sqrt(rest_k) ε,      k drawn by its share of the images          (drawn)

Then each channel's values are replaced, rank by rank, by those that the owner recorded: *recoloured*. What is
drawn has the moments of real features and none of their content; the features of any image at all,
recoloured, have content and the right moments. A mixture of both measures better than either
(docs/method.md).

Source: legonet; mixtures of low-rank Gaussians, Ghahramani and Hinton, The EM algorithm for mixtures of
factor analyzers (1996); recolouring is histogram matching, as in Gonzalez and Woods, Digital Image
Processing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.teachers.statistics import Statistics


def synthesise(statistics: Statistics, count: int, generator: torch.Generator) -> Tensor:
    """Draw features that look like the category module's.

    Args:
        statistics: Of the teacher whose features are wanted.
        count: How many.
        generator: A CPU generator.

    Returns:
        (count, channels, height, width).
    """
    chosen = torch.multinomial(statistics.shares, count, replacement=True, generator=generator)
    noise = _noise(statistics, count, generator)
    features = statistics.means[chosen] + statistics.rest[chosen].sqrt()[..., None, None] * noise
    scores = torch.randn(count, len(statistics.factors), generator=generator)
    scores = scores * (statistics.component == chosen[:, None])  # a component has factors of its own
    features = features + torch.tensordot(scores, statistics.factors, 1)
    return recoloured(features, statistics)


def _noise(statistics: Statistics, count: int, generator: torch.Generator) -> Tensor:
    """Noise of variance 1 whose neighbouring positions are correlated as recorded, by a filter (a, 1, a).

    The correlation is 2a / (1 + 2a²), and at most 0.7.
    """
    channels, *size = statistics.means.shape[1:]
    white = torch.randn(count, channels, *(each + 2 for each in size), generator=generator)
    wanted = statistics.smoothness.clamp(1e-3, 0.7).view(-1, 1, 1, 1)
    side = (1 - (1 - 2 * wanted.square()).sqrt()) / (2 * wanted)
    taps = torch.cat([side, torch.ones_like(side), side], 3) / (1 + 2 * side.square()).sqrt()
    across = F.conv2d(white, taps, groups=channels)
    return F.conv2d(across, taps.transpose(2, 3), groups=channels)


def recoloured(features: Tensor, statistics: Statistics) -> Tensor:
    """Give a batch of features the recorded distribution of each channel, the order of its values as it is.

    Args:
        features: (batch, channels, height, width), the more the better.
        statistics: Of the teacher; where they have no quantiles, only means and variances are matched.

    Returns:
        The same shape, on the CPU.
    """
    quantiles, values = statistics.quantiles, features.cpu().transpose(0, 1).flatten(1)
    if not quantiles.shape[1]:
        return _rescaled(features.cpu(), statistics)
    steps, rows = quantiles.shape[1] - 1, []
    for row, known in zip(values, quantiles, strict=True):  # one channel after the other: less memory
        level = row.argsort().argsort().to(row.dtype) / max(1, len(row) - 1)
        places = torch.acos(1 - 2 * level) * (steps / math.pi)  # as `legonet.teachers.statistics.levels`
        below = places.floor().clamp(max=steps - 1)
        known, index = known.to(row.dtype), below.long()
        rows.append(torch.lerp(known[index], known[index + 1], places - below))
    return torch.stack(rows).unflatten(1, (len(features), *features.shape[2:])).transpose(0, 1).contiguous()


def _rescaled(features: Tensor, statistics: Statistics) -> Tensor:
    mean, over = statistics.mean, (0, 2, 3)
    deviation = (statistics.variance + mean.var((1, 2), correction=0)).sqrt().view(-1, 1, 1)
    spread = features.std(over, correction=0).clamp_min(1e-6).view(-1, 1, 1)
    centred = (features - features.mean(over).view(-1, 1, 1)) / spread
    given = centred * deviation + mean.mean((1, 2), keepdim=True)
    return given.relu() if bool((mean >= 0).all()) else given
