"""Features at a cut, synthesised from what the teacher's owner recorded: no image is needed.

Two sources, in equal parts, since a mixture measures better than either alone (docs/method.md):

    low rank      x = ReLU(mean + Σ_r z_r factor_r + sqrt(rest) ε)          keeps where things lie
    stationary    x = ReLU(channel mean + F⁻¹[Σ_r factor_r(ω) F[ε_r](ω)])   keeps texture across channels

Both assume what every category module cut after a ReLU gives: features that are not negative.
Features with negative means are left unrectified.

Source: legonet.
"""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.teachers.statistics import Statistics


def synthesise(statistics: Statistics, count: int, generator: torch.Generator) -> Tensor:
    """Draw features that look like the category module's.

    Args:
        statistics: of the teacher whose features are wanted.
        count: how many.
        generator: a CPU generator.

    Returns:
        (count, channels, height, width).
    """
    stationary = count // 2 if len(statistics.spectrum) else 0  # there was no room for it
    features = _low_rank(statistics, count - stationary, generator)
    if stationary:
        features = torch.cat([features, _stationary(statistics, stationary, generator)])
    rectified = bool((statistics.mean >= 0).all())
    return features.relu() if rectified else features


def _low_rank(statistics: Statistics, count: int, generator: torch.Generator) -> Tensor:
    factors = statistics.factors
    explained = factors.square().sum(0).mean((1, 2))
    rest = (statistics.variance - explained).clamp_min(0).sqrt().view(-1, 1, 1)
    scores = torch.randn(count, len(factors), generator=generator)
    noise = torch.randn(count, *statistics.mean.shape, generator=generator)
    return statistics.mean + torch.tensordot(scores, factors, 1) + rest * noise


def _stationary(statistics: Statistics, count: int, generator: torch.Generator) -> Tensor:
    channels, height, width = statistics.mean.shape
    spectrum = statistics.spectrum
    white = torch.randn(count, len(spectrum), height, width, generator=generator)
    shaped = torch.einsum("rchw,nrhw->nchw", spectrum, torch.fft.rfft2(white, norm="ortho"))
    fields = torch.fft.irfft2(shaped, s=(height, width), norm="ortho")
    power = spectrum.abs().square().sum(0)
    full = power.sum((1, 2)) + power[..., 1 : (width + 1) // 2].sum((1, 2))  # both halves of the plane
    rest = (statistics.variance - full / (height * width)).clamp_min(0).sqrt().view(-1, 1, 1)
    noise = torch.randn(count, channels, height, width, generator=generator)
    return statistics.mean.mean((1, 2), keepdim=True) + fields + rest * noise
