"""What a teacher's owner records once, so that its modules can be transplanted without any image.

At the cut: the mean norm of the features, their mean and variance, a low-rank covariance of whole
feature maps, and the cross-spectrum of the channels. In g_T: how often each unit is active, and the
mean and spread of the output. Kept in one small safetensors file beside the weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import safetensors.torch
import torch
from torch import Tensor, nn

from legonet.errors import StoreError, TeacherError
from legonet.ir.interpreter import GraphModule
from legonet.ir.observe import observed
from legonet.store.tensors import read_tensors
from legonet.teachers.weights.mapped_tensors import raw_view

FORMAT = "legonet-statistics"
SHARE = 0.1  # of the weights' bytes: what the statistics may take at most
# The limit is there so that statistics are no copy of the images. Of means, which average over all of them,
# no image can be read, so that a teacher whose mean map is larger than a tenth of its weights may have it all
# the same. Only covariances could come to hold images: they may take this many bytes then, and no more than a
# tenth of what the images' features would.
FLOOR = 2**16


def allowance(*modules: nn.Module) -> int:
    """Bytes that the statistics of a teacher of these modules may take."""
    return int(SHARE * sum(each.nbytes for module in modules for each in module.parameters()))


@dataclass(frozen=True)
class Statistics:
    """Statistics of one teacher.

    Attributes:
        images: The number of images they were recorded on.
        norm: The mean Frobenius norm of one image's features at the cut.
        mean: The mean feature map, (channels, height, width).
        variance: The variance of each channel over images and positions about the mean map, (channels,).
        factors: The covariance of whole maps is about Σ factor factor^T + diagonal; (rank, channels, height,
            width).
        spectrum: At each frequency the cross-spectrum of the channels is about Σ factor factor^H; complex
            (rank, channels, height, width // 2 + 1).
        activity: How often each unit is active, in [0, 1], for each ReLU of g_T, bottom first.
        output_mean: The mean of the output over images (and over positions, for maps), (outputs,).
        output_std: The standard deviation of the output, (outputs,).
    """

    images: int
    norm: float
    mean: Tensor
    variance: Tensor
    factors: Tensor
    spectrum: Tensor
    activity: list[Tensor] = field(default_factory=list)
    output_mean: Tensor = field(default_factory=lambda: torch.zeros(0))
    output_std: Tensor = field(default_factory=lambda: torch.zeros(0))


def record(f: nn.Module, g: GraphModule, batches: Iterable[Tensor], limit: int) -> Statistics:
    """Record a teacher's statistics on its owner's images.

    Args:
        f: The category module.
        g: The task module g_T.
        batches: Normalised images (batch, channels, height, width).
        limit: The bytes that the file may take; the ranks are chosen to stay below. One that has no room for
            the mean map and a factor is that of a small teacher: see `FLOOR`.

    Returns:
        The statistics.

    Raises:
        TeacherError: There is no image, or features are no map.
    """
    features, outputs, active, count = [], [], [], 0
    with torch.no_grad():
        for images in batches:
            value = f(images)
            features.append(value.double().cpu())
            count += len(value)
            output, seen = _activity(g, value)
            outputs.append(output.double().cpu())
            active = [before + now for before, now in zip(active, seen, strict=True)] if active else seen
    if not count:
        raise TeacherError("no image to record statistics on; expected at least one")
    maps = torch.cat(features)
    if maps.ndim != 4:
        raise TeacherError(
            f"features at the cut have shape {tuple(maps.shape[1:])}; expected maps (channels, height, "
            "width); choose a lower cut"
        )
    mean, output = maps.mean(0), torch.cat(outputs)
    output = output.flatten(2).transpose(1, 2).flatten(0, 1) if output.ndim == 4 else output
    activity = [total / count for total in active]
    fixed = 2 * mean.numel() + sum(each.numel() for each in activity) + 4096
    room = limit - fixed
    if room < 2 * mean.numel():  # not even one factor
        room = min(FLOOR, int(SHARE * 2 * maps.numel()))
    factors_rank, spectrum_rank = _ranks(mean.shape, count, room)
    centred = maps - mean
    return Statistics(
        images=count,
        norm=float(maps.flatten(1).norm(dim=1).mean()),
        mean=mean.float(),
        variance=centred.square().mean((0, 2, 3)).float(),
        factors=_low_rank(centred, factors_rank).float(),
        spectrum=_cross_spectrum(centred, spectrum_rank),
        activity=[each.float() for each in activity],
        output_mean=output.mean(0).float(),
        output_std=output.std(0, correction=0).float(),
    )


def _activity(g: GraphModule, features: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output, and for each rectifier, bottom first, how many images each unit is active on."""
    counts: list[Tensor] = []
    output = observed(g, features, lambda units: counts.append((units > 0).sum(0).double().cpu()))
    return output, counts


def _ranks(shape: torch.Size, count: int, budget: int) -> tuple[int, int]:
    """Share the bytes that are left between the two covariances: half precision, at most their full rank."""
    channels, height, width = shape
    factor, spectrum = 2 * channels * height * width, 4 * channels * height * (width // 2 + 1)
    spectrum_rank = min(channels, max(budget // 2, 0) // spectrum)
    return min(count, max(budget - spectrum_rank * spectrum, 0) // factor), spectrum_rank


def _low_rank(centred: Tensor, rank: int) -> Tensor:
    """The leading principal components of whole feature maps, each scaled by its standard deviation."""
    flat = centred.flatten(1) / len(centred) ** 0.5
    if rank == 0:
        return flat.new_zeros(0, *centred.shape[1:])
    with torch.random.fork_rng(devices=[]):  # a full decomposition would take minutes
        torch.manual_seed(0)
        _, values, vectors = torch.svd_lowrank(flat, q=min(rank + 10, *flat.shape), niter=8)
    return (vectors * values).T[:rank].reshape(rank, *centred.shape[1:])


def _cross_spectrum(centred: Tensor, rank: int) -> Tensor:
    """At each frequency, the leading factors of the channels' cross-spectrum."""
    transformed = torch.fft.rfft2(centred, norm="ortho")
    pairs = transformed.permute(2, 3, 1, 0)
    values, vectors = torch.linalg.eigh(pairs @ pairs.mH / len(centred))
    channels = centred.shape[1]
    # An eigenvector is free in its phase. Fixed by its largest component, those of opposite frequencies
    # are conjugates, as the transform of a real field must have them.
    largest = vectors.gather(-2, vectors.abs().argmax(-2, keepdim=True))
    vectors = vectors * largest.conj() / largest.abs()
    top = vectors[..., channels - rank :] * values[..., None, channels - rank :].clamp_min(0).sqrt()
    return top.permute(3, 2, 0, 1).flip(0).to(torch.complex64)


def dump_statistics(statistics: Statistics) -> bytes:
    """Serialise to safetensors: half precision, activities as bytes of 1/255."""
    tensors = {
        "mean": statistics.mean.half(),
        "variance": statistics.variance,
        "factors": statistics.factors.half(),
        "spectrum": torch.view_as_real(statistics.spectrum).half(),
        "output.mean": statistics.output_mean,
        "output.std": statistics.output_std,
    }
    for index, activity in enumerate(statistics.activity):
        tensors[f"activity.{index}"] = (activity * 255).round().to(torch.uint8)
    header = {"format": FORMAT, "version": 1, "images": statistics.images, "norm": statistics.norm}
    return safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in sorted(tensors.items())},
        metadata={"legonet": json.dumps(header, sort_keys=True)},
    )


def parse_statistics(data: bytes, where: str) -> Statistics:
    """Read what `dump_statistics` wrote.

    Raises:
        TeacherError: The bytes are something else, or damaged.
    """
    try:
        file = read_tensors(memoryview(bytearray(data)), where)
        header = json.loads(file.metadata["legonet"])
        if header["format"] == FORMAT and header["version"] > 1:
            raise TeacherError(
                f"{where}: statistics in format {header['version']}, of a newer legonet; expected format 1, "
                "which this one reads; update legonet: pip install --upgrade legonet"
            )
        if header["format"] != FORMAT or header["version"] != 1:
            raise KeyError("format")
        tensors = {name: raw_view(raw) for name, raw in file.tensors.items()}
        count = sum(name.startswith("activity.") for name in tensors)
        found = Statistics(
            images=int(header["images"]),
            norm=float(header["norm"]),
            mean=tensors["mean"].float(),
            variance=tensors["variance"].float(),
            factors=tensors["factors"].float(),
            spectrum=torch.view_as_complex(tensors["spectrum"].float()),
            activity=[tensors[f"activity.{index}"].float() / 255 for index in range(count)],
            output_mean=tensors["output.mean"].float(),
            output_std=tensors["output.std"].float(),
        )
        _expect_shapes(found)
    except (
        StoreError,
        LookupError,
        ArithmeticError,
        ValueError,
        TypeError,
        RuntimeError,
        RecursionError,
    ) as error:
        raise TeacherError(
            f"{where}: not a statistics file; expected what `legonet teacher record` writes; record it again"
        ) from error
    return found


def _expect_shapes(found: Statistics) -> None:
    channels, height, width = found.mean.shape
    expected = {
        found.variance.shape: (channels,),
        found.factors.shape[1:]: (channels, height, width),
        found.spectrum.shape[1:]: (channels, height, width // 2 + 1),
        found.output_std.shape: found.output_mean.shape,
    }
    values = (found.mean, found.variance, found.factors, found.output_mean, found.output_std)
    if any(tuple(shape) != tuple(wanted) for shape, wanted in expected.items()):
        raise ValueError("tensors that do not fit each other")
    if not all(map(math.isfinite, (found.norm, *(float(each.sum()) for each in values)))):
        raise ValueError("numbers that are not finite")
