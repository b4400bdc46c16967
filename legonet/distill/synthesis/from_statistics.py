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
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.ir.rows import in_a_row, taken_apart
from legonet.ops.call import Shape
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
    deviations = statistics.rest[chosen].sqrt()[..., None, None]
    rough = [each * own for each, own in zip(_by_map(deviations, statistics, 1), noise, strict=True)]
    features = statistics.means[chosen] + in_a_row(rough, statistics.maps or None)
    scores = torch.randn(count, len(statistics.factors), generator=generator)
    scores = scores * (statistics.component == chosen[:, None])  # a component has factors of its own
    features = features + torch.tensordot(scores, statistics.factors, 1)
    return recoloured(features, statistics)


def _by_map(channels: Tensor, statistics: Statistics, axis: int = 0) -> Sequence[Tensor]:
    """What is known of each channel, for each map that crosses."""
    return channels.split([shape[0] for shape in statistics.maps or (statistics.means.shape[1:],)], axis)


def _noise(statistics: Statistics, count: int, generator: torch.Generator) -> list[Tensor]:
    """For each map noise of variance 1 whose neighbouring positions are correlated as recorded.

    It is filtered by (a, 1, a); the correlation is 2a / (1 + 2a²), and at most 0.7. Then its channels are
    mixed, where the owner recorded how.
    """
    shapes = statistics.maps or (statistics.means.shape[1:],)
    smooth = _by_map(statistics.smoothness, statistics)
    noise = [_noise_of(shape, each, count, generator) for shape, each in zip(shapes, smooth, strict=True)]
    if not statistics.mixing:
        return noise
    pairs = zip(noise, statistics.mixing, strict=True)
    return [torch.einsum("ndhw,cd->nchw", each, mixing) for each, mixing in pairs]


def _noise_of(shape: Shape, smoothness: Tensor, count: int, generator: torch.Generator) -> Tensor:
    channels, *size = shape
    white = torch.randn(count, channels, *(each + 2 for each in size), generator=generator)
    wanted = smoothness.clamp(1e-3, 0.7).view(-1, 1, 1, 1)
    side = (1 - (1 - 2 * wanted.square()).sqrt()) / (2 * wanted)
    taps = torch.cat([side, torch.ones_like(side), side], 3) / (1 + 2 * side.square()).sqrt()
    across = F.conv2d(white, taps, groups=channels)
    return F.conv2d(across, taps.transpose(2, 3), groups=channels)


def recoloured(features: Tensor, statistics: Statistics) -> Tensor:
    """Give a batch of features the recorded distribution of each channel, the order of its values as it is.

    Args:
        features: (batch, channels, height, width), or rows, the more the better.
        statistics: Of the teacher; where they have no quantiles, only means and variances are matched.

    Returns:
        The same shape, on the CPU.
    """
    if not statistics.quantiles.shape[1]:
        return _rescaled(features.cpu(), statistics)
    maps = taken_apart(features.cpu(), statistics.maps or None)
    pairs = zip(maps, _by_map(statistics.quantiles, statistics), strict=True)
    return in_a_row([_recoloured(each, quantiles) for each, quantiles in pairs], statistics.maps or None)


def _recoloured(features: Tensor, quantiles: Tensor) -> Tensor:
    values = features.transpose(0, 1).flatten(1)
    steps, rows, most = quantiles.shape[1] - 1, [], max(1, values.shape[1] - 1)
    level = torch.arange(values.shape[1]).to(values.dtype) / most
    places = torch.acos(1 - 2 * level) * (steps / math.pi)  # as `legonet.teachers.statistics.levels`
    below = places.floor().clamp(max=steps - 1)
    index = below.long()
    for row, known in zip(values, quantiles.to(values.dtype), strict=True):  # one by one: less memory
        ascending = torch.lerp(known[index], known[index + 1], places - below)
        order = torch.from_numpy(row.numpy().argsort())  # two to three times as fast as torch's
        rows.append(torch.empty_like(row).scatter_(0, order, ascending))
    return torch.stack(rows).unflatten(1, (len(features), *features.shape[2:])).transpose(0, 1).contiguous()


def _rescaled(features: Tensor, statistics: Statistics) -> Tensor:
    mean, over = statistics.mean, (0, 2, 3)
    deviation = (statistics.variance + mean.var((1, 2), correction=0)).sqrt().view(-1, 1, 1)
    spread = features.std(over, correction=0).clamp_min(1e-6).view(-1, 1, 1)
    centred = (features - features.mean(over).view(-1, 1, 1)) / spread
    given = centred * deviation + mean.mean((1, 2), keepdim=True)
    return given.relu() if bool((mean >= 0).all()) else given
