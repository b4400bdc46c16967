"""The file of a teacher's statistics: safetensors, maps in one byte a number."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.errors import StoreError, TeacherError
from legonet.store.tensors import read_tensors
from legonet.teachers.statistics import Statistics
from legonet.teachers.weights.mapped_tensors import raw_view

FORMAT = "legonet-statistics"
VERSION = 2
_LARGEST = 2**31  # a side of a map
_COMPONENTS = 256  # a byte names one
_FACTORS = 2**14  # many times what any version writes; each drawn feature has a number for each
_QUANTILES = 2**12  # of one channel or output, likewise
_NORM = 1e30  # of features in float32, whose squares are summed
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
    for index, mixing in enumerate(statistics.mixing):
        tensors |= _bytes(f"mixing.{index}", mixing)
    for index, activity in enumerate(statistics.activity):
        tensors[f"activity.{index}"] = (activity * 255).round().to(torch.uint8)
    header = {"format": FORMAT, "version": VERSION, "images": statistics.images, "norm": statistics.norm}
    header |= {"maps": statistics.maps} if statistics.maps else {}
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
        file = read_tensors(memoryview(bytearray(data)), where)
        header = json.loads(file.metadata["legonet"])
        if header["format"] == FORMAT and header["version"] > VERSION:
            raise TeacherError(
                f"{where}: statistics in format {header['version']}, of a newer legonet; expected format "
                f"{VERSION}, which this one reads; update legonet: pip install --upgrade legonet"
            )
        if header["format"] != FORMAT or header["version"] not in (1, VERSION):
            raise KeyError("format")
        tensors = {name: raw_view(raw) for name, raw in file.tensors.items()}
        count = sum(name.startswith("activity.") for name in tensors)
        found = Statistics(
            images=header["images"],
            norm=header["norm"],
            **(_mixture(tensors) if header["version"] == VERSION else _single(tensors)),
            activity=[tensors[f"activity.{index}"].float() / 255 for index in range(count)],
            output_mean=tensors["output.mean"].float(),
            output_std=tensors["output.std"].float(),
            maps=tuple(_shape(each) for each in header.get("maps", ())),
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


def _shape(data: list[int]) -> tuple[int, ...]:
    channels, height, width = data
    if not all(type(size) is int and 0 < size < _LARGEST for size in (channels, height, width)):
        raise ValueError("maps of no size")
    return channels, height, width


def _expect_shapes(found: Statistics) -> None:
    if found.maps:
        components, *map_shape = found.means.shape
        channels = sum(shape[0] for shape in found.maps)
        if map_shape != [sum(map(math.prod, found.maps))] or not found.quantiles.shape[-1]:
            raise ValueError("a row of other maps")
    else:
        components, *map_shape = found.means.shape
        channels, _, _ = map_shape
    outputs = tuple(found.output_mean.shape)
    expected = (
        (found.shares.shape, (components,)),
        (found.factors.shape[1:], tuple(map_shape)),
        (found.component.shape, (len(found.factors),)),
        (found.rest.shape, (components, channels)),
        (found.smoothness.shape, (channels,)),
        (found.quantiles.shape[:-1], (channels,)),
        (found.output_std.shape, outputs),
        (found.output_quantiles.shape[:-1], outputs),
    )
    each_map = found.maps or (tuple(map_shape),)
    if found.mixing:
        matrices = [(shape[0], shape[0]) for shape in each_map]
        expected += (([tuple(each.shape) for each in found.mixing], matrices),)
    if any(tuple(shape) != tuple(wanted) for shape, wanted in expected):
        raise ValueError("tensors that do not fit each other")
    if components > _COMPONENTS or len(found.factors) > _FACTORS or len(outputs) != 1:
        raise ValueError("more than anybody records")
    if any(not (number == 0 or 2 <= number <= _QUANTILES) for number in _numbers_of_quantiles(found)):
        raise ValueError("quantiles of no distribution")
    if (
        found.component.numel()
        and not 0 <= int(found.component.min()) <= int(found.component.max()) < components
    ):
        raise ValueError("a component that is not there")
    if not float(found.shares.sum()) > 0:
        raise ValueError("shares of no images")
    _expect_values(found)


def _numbers_of_quantiles(found: Statistics) -> tuple[int, int]:
    return found.quantiles.shape[-1], found.output_quantiles.shape[-1]


def _expect_values(found: Statistics) -> None:
    """What is counted, a norm, a variance or a part of something is no number below zero."""
    if type(found.images) is not int or not 0 < found.images < 2**53:
        raise ValueError("a number of images that is none")
    if type(found.norm) not in (int, float) or not 0 <= found.norm <= _NORM:
        raise ValueError("a norm that is none")
    values = (
        found.means, found.factors, found.quantiles, found.output_mean, found.output_quantiles, *found.mixing,
    )  # fmt: skip
    natural = found.shares, found.rest, found.smoothness, found.output_std, *found.activity
    if not all(math.isfinite(float(each.sum())) for each in (*values, *natural)):
        raise ValueError("numbers that are not finite")
    if any(bool((each < 0).any()) for each in natural) or any(
        bool((each > 1).any()) for each in found.activity
    ):
        raise ValueError("numbers below zero, or parts of more than all")


def _mixture(tensors: dict[str, Tensor]) -> dict[str, Any]:
    matrices = sum(re.fullmatch(r"mixing\.\d+", name) is not None for name in tensors)
    return {
        "shares": tensors["shares"].float(),
        "means": _numbers(tensors, "means"),
        "factors": _numbers(tensors, "factors"),
        "component": tensors["component"].long(),
        "rest": tensors["rest"].float(),
        "smoothness": tensors["smoothness"].float(),
        "quantiles": tensors["quantiles"].float(),
        "output_quantiles": tensors["output.quantiles"].float(),
        "mixing": [F.normalize(_numbers(tensors, f"mixing.{index}")) for index in range(matrices)],
    }


def _single(tensors: dict[str, Tensor]) -> dict[str, Any]:
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
        name: (maps / _each(scale, maps)).round().to(torch.int8),
        f"{name}.scale": scale.float(),
    }


def _numbers(tensors: dict[str, Tensor], name: str) -> Tensor:
    maps = tensors[name].float()
    return maps * _each(tensors[f"{name}.scale"], maps)


def _each(scale: Tensor, maps: Tensor) -> Tensor:
    """One scale for each map, so that it broadcasts."""
    return scale.view(-1, *[1] * (maps.ndim - 1))
