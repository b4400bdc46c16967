"""Functions that do what a layer does, as they are called in a model's forward pass. Needs torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional


def _flatten(start_dim: int = 0, end_dim: int = -1) -> nn.Module:
    return nn.Flatten(start_dim, end_dim)


def _relu(inplace: bool = False) -> nn.Module:
    return nn.ReLU()


def _max_pool(
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> nn.Module:
    return nn.MaxPool2d(kernel_size, stride or None, padding, dilation, return_indices, ceil_mode)


def _avg_pool(
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> nn.Module:
    return nn.AvgPool2d(kernel_size, stride or None, padding, ceil_mode, count_include_pad, divisor_override)


def _adaptive_avg_pool(output_size: Any) -> nn.Module:
    return nn.AdaptiveAvgPool2d(output_size)


# A model is traced in evaluation mode, so that `training=self.training` reads False.


def _dropout(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module | None:
    return None if training else nn.Dropout(p)


def _dropout2d(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module | None:
    return None if training else nn.Dropout2d(p)


def _interpolate(
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> nn.Module | None:
    if antialias:
        return None
    return nn.Upsample(size, scale_factor, mode, align_corners, recompute_scale_factor)


def _contiguous() -> nn.Module:
    return nn.Identity()


_BY_FUNCTION: dict[Any, Callable[..., nn.Module | None]] = {
    torch.flatten: _flatten,
    torch.relu: _relu,
    torch.relu_: _relu,
    functional.relu: _relu,
    functional.relu_: _relu,
    functional.max_pool2d: _max_pool,
    torch.max_pool2d: _max_pool,
    functional.avg_pool2d: _avg_pool,
    functional.adaptive_avg_pool2d: _adaptive_avg_pool,
    functional.dropout: _dropout,
    functional.dropout2d: _dropout2d,
    functional.interpolate: _interpolate,
}

_BY_METHOD: dict[str, Callable[..., nn.Module | None]] = {
    "flatten": _flatten,
    "relu": _relu,
    "relu_": _relu,
    "contiguous": _contiguous,
}

_RESHAPES = ("view", "reshape")


def as_module(
    node: fx.Node, is_batch: Callable[[Any], bool], features: Callable[[], int | None]
) -> nn.Module | None:
    """Find the module that does what a function call does.

    Args:
        node: A call of a function or method, whose first argument is the features.
        is_batch: Whether an argument is the number of images in the batch.
        features: Counts the features of one image at this place.

    Returns:
        The module; None if no layer does what the function does with these arguments.
    """
    if node.op == "call_method" and node.target in _RESHAPES:
        return _reshape(node.args[1:], is_batch, features)
    table: dict[Any, Callable[..., nn.Module | None]] = (
        _BY_FUNCTION if node.op == "call_function" else _BY_METHOD
    )
    make = table.get(node.target)
    arguments = {name: value for name, value in node.kwargs.items() if name not in ("input", "self")}
    if make is None or _follows_input([*node.args[1:], *arguments.values()]):
        return None
    try:
        bound = inspect.signature(make).bind(*node.args[1:], **arguments)
    except TypeError:
        return None
    return make(*bound.args, **bound.kwargs)


def _follows_input(arguments: list[Any]) -> bool:
    found: list[fx.Node] = []
    fx.map_arg(arguments, found.append)
    return bool(found)


def _reshape(
    shape: tuple[Any, ...], is_batch: Callable[[Any], bool], features: Callable[[], int | None]
) -> nn.Module | None:
    """Accept the forms of `x.view(x.size(0), -1)`, which flatten."""
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    if len(shape) != 2:
        return None
    rows, columns = shape
    flattens = is_batch(rows) and columns == -1
    if isinstance(columns, int) and (is_batch(rows) or rows == -1) and columns == features():
        flattens = True
    return nn.Flatten() if flattens else None
