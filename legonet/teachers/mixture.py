"""A mixture of low-rank Gaussians of whole feature maps, and of what the factors leave."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from legonet.graph.output import Maps
from legonet.ir.rows import taken_apart

CROWD = 8  # images that a component is of, at least: none shows a single one
FEWER = 2  # there are at least so many images for each factor
_COORDINATES = 16  # leading principal components by which images are sorted into components
_ROUNDS = 25  # of k-means


def mixture(maps: Tensor, components: int, rank: int, several: Maps | None, mixed: bool) -> dict[str, Any]:
    """Sort images by k-means, and find the principal components within each.

    Args:
        maps: Of the images, (images, channels, height, width), or rows.
        components: At most so many.
        rank: Of all components together; each has its part of that by how many images it has.
        several: The shapes of the maps in a row.
        mixed: Whether to find how the channels of what is left agree.

    Returns:
        The fields of `legonet.teachers.statistics.Statistics` by name.

    Source: Ghahramani and Hinton, The EM algorithm for mixtures of factor analyzers (1996).
    """
    labels = _sorted(maps, components)
    shares, means, factors, owners, rests = [], [], [], [], []
    left = torch.empty_like(maps)
    for index in range(int(labels.max()) + 1):
        own = labels == index
        mean = maps[own].mean(0)
        found, left[own] = _low_rank(maps[own] - mean, round(rank * int(own.sum()) / len(maps)))
        shares.append(int(own.sum()) / len(maps))
        means.append(mean)
        factors.append(found)
        owners += [index] * len(found)
        parts = taken_apart(left[own], several)
        rests.append(torch.cat([each.square().mean((0, 2, 3)) for each in parts]))
    smoothness, mixing = [], []
    for part in taken_apart(left, several):
        basis = _independent(part) if mixed else torch.eye(part.shape[1])
        noise = torch.einsum("nchw,cd->ndhw", part, basis)
        variance = noise.square().mean((0, 2, 3)).clamp_min(1e-12)
        smoothness.append((_beside(noise) / variance).clamp(0, 1))
        if mixed:
            mixing.append(torch.nn.functional.normalize(basis * variance.sqrt()))
    return {
        "shares": torch.tensor(shares),
        "means": torch.stack(means),
        "factors": torch.cat(factors),
        "component": torch.tensor(owners, dtype=torch.long),
        "rest": torch.stack(rests),
        "smoothness": torch.cat(smoothness),
        "mixing": mixing,
    }


def _independent(maps: Tensor) -> Tensor:
    """The directions in which the channels of maps do not correlate, (channels, channels)."""
    correlated = torch.einsum("nchw,ndhw->cd", maps, maps) / (maps.numel() / maps.shape[1])
    return torch.linalg.eigh(correlated.double())[1].float()


def _beside(maps: Tensor) -> Tensor:
    """What neighbouring positions have in common: the mean of their products, (channels,)."""
    pairs = [
        (maps.narrow(axis, 0, size - 1) * maps.narrow(axis, 1, size - 1)).mean((0, 2, 3))
        for axis, size in ((2, maps.shape[2]), (3, maps.shape[3]))
        if size > 1
    ]
    return torch.stack(pairs).mean(0) if pairs else maps.new_zeros(maps.shape[1])


def _sorted(maps: Tensor, components: int) -> Tensor:
    """To which of at most so many components each image belongs; none has fewer images than `CROWD`.

    Source: k-means on the leading principal components, Lloyd, Least squares quantization in PCM (1982).
    """
    if components == 1:
        return torch.zeros(len(maps), dtype=torch.long)
    flat = (maps - maps.mean(0)).flatten(1)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        left, values, _ = torch.svd_lowrank(flat, q=min(_COORDINATES + 8, *flat.shape), niter=4)
        places = (left * values)[:, :_COORDINATES]
        centres = places[torch.randperm(len(places))[:components]]
    for _ in range(_ROUNDS):
        labels = torch.cdist(places, centres).argmin(1)
        counts = labels.bincount(minlength=len(centres))
        if counts.min() < CROWD:  # the smallest is dissolved, and its images go to their next one
            centres = centres[torch.arange(len(centres)) != counts.argmin()]
            continue
        centres = torch.stack([places[labels == each].mean(0) for each in range(len(centres))])
    while True:
        labels = torch.cdist(places, centres).argmin(1)
        counts = labels.bincount(minlength=len(centres))
        if counts.min() >= CROWD or len(centres) == 1:
            return labels
        centres = centres[torch.arange(len(centres)) != counts.argmin()]


def _low_rank(centred: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The leading principal components, each scaled by its standard deviation, and what they leave."""
    flat = centred.flatten(1)
    rank = min(rank, len(flat) // FEWER)
    if rank == 0:
        return flat.new_zeros(0, *centred.shape[1:]), centred
    with torch.random.fork_rng(devices=[]):  # a full decomposition would take minutes
        torch.default_generator.manual_seed(0)
        _, values, vectors = torch.svd_lowrank(flat, q=min(rank + 10, *flat.shape), niter=8)
    vectors = vectors[:, :rank]
    factors = (vectors * values[:rank] / len(flat) ** 0.5).T
    return factors.reshape(-1, *centred.shape[1:]), (flat - flat @ vectors @ vectors.T).view_as(centred)
