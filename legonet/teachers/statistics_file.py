"""The file of a teacher's statistics: safetensors, maps in one byte a number."""

from __future__ import annotations

import json

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from legonet.errors import TeacherError
from legonet.teachers.statistics import Statistics

FORMAT = "legonet-statistics"
VERSION = 2
_STEPS = 127  # of a map's greatest value


def dump_statistics(statistics: Statistics) -> bytes:
    """Serialise to safetensors: maps as bytes with one scale each, activities as bytes of 1/255."""
    tensors = {
        **_bytes("means", statistics.means),
        **_bytes("factors", statistics.factors),
        "shares": statistics.shares,
        "component": statistics.component.to(torch.uint8),
        "rest": statistics.rest.half(),
        "smoothness": statistics.smoothness.half(),
        "quantiles": statistics.quantiles.half(),
        "output.mean": statistics.output_mean,
        "output.std": statistics.output_std,
        "output.quantiles": statistics.output_quantiles,
    }
    for index, activity in enumerate(statistics.activity):
        tensors[f"activity.{index}"] = (activity * 255).round().to(torch.uint8)
    header = {"format": FORMAT, "version": VERSION, "images": statistics.images, "norm": statistics.norm}
    return safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in sorted(tensors.items())},
        metadata={"legonet": json.dumps(header, sort_keys=True)},
    )


def parse_statistics(data: bytes, where: str) -> Statistics:
    """Read what `dump_statistics` wrote, or what older versions did.

    Raises:
        TeacherError: The bytes are something else, or damaged.
    """
    try:
        tensors = safetensors.torch.load(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["legonet"])
        if header["format"] != FORMAT or header["version"] not in (1, VERSION):
            raise KeyError("format")
        count = sum(name.startswith("activity.") for name in tensors)
        return Statistics(
            images=int(header["images"]),
            norm=float(header["norm"]),
            **(_mixture(tensors) if header["version"] == VERSION else _single(tensors)),
            activity=[tensors[f"activity.{index}"].float() / 255 for index in range(count)],
            output_mean=tensors["output.mean"],
            output_std=tensors["output.std"],
        )
    except (
        safetensors.SafetensorError, KeyError, ValueError, TypeError, RuntimeError, IndexError
    ) as error:  # fmt: skip
        raise TeacherError(
            f"{where}: not a statistics file; expected what `legonet teacher record` writes; record it again"
        ) from error


def _mixture(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    means, component = _numbers(tensors, "means"), tensors["component"].long()
    if component.numel() and int(component.max()) >= len(means):
        raise ValueError("component")
    return {
        "shares": tensors["shares"],
        "means": means,
        "factors": _numbers(tensors, "factors"),
        "component": component,
        "rest": tensors["rest"].float(),
        "smoothness": tensors["smoothness"].float(),
        "quantiles": tensors["quantiles"].float(),
        "output_quantiles": tensors["output.quantiles"],
    }


def _single(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Version 1 had one Gaussian, and no quantiles."""
    mean, factors = tensors["mean"].float(), tensors["factors"].float()
    left = tensors["variance"] - factors.square().sum(0).mean((1, 2))
    return {
        "shares": torch.ones(1),
        "means": mean[None],
        "factors": factors,
        "component": torch.zeros(len(factors), dtype=torch.long),
        "rest": left.clamp_min(0)[None],
        "smoothness": mean.new_zeros(len(mean)),
        "quantiles": mean.new_zeros(len(mean), 0),
        "output_quantiles": tensors["output.mean"].new_zeros(len(tensors["output.mean"]), 0),
    }


def _bytes(name: str, maps: Tensor) -> dict[str, Tensor]:
    scale = (
        maps.flatten(1).abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / _STEPS
        if len(maps)
        else maps.new_zeros(0)
    )
    return {
        name: (maps / scale.view(-1, 1, 1, 1)).round().to(torch.int8),
        f"{name}.scale": scale.float(),
    }


def _numbers(tensors: dict[str, Tensor], name: str) -> Tensor:
    return tensors[name].float() * tensors[f"{name}.scale"].view(-1, 1, 1, 1)
