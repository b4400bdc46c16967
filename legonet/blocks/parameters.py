"""The tensors that a model has: names and shapes, as in its state dict. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from legonet.blocks.operations import Operations
from legonet.blocks.schema import Architecture, BatchNorm, Conv, ConvTranspose, Linear, Rescale

Shape = tuple[int, ...]


def _conv(layer: Conv) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        "weight": (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
    }
    return shapes | ({"bias": (layer.out_channels,)} if layer.bias else {})


def _conv_transpose(layer: ConvTranspose) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        "weight": (layer.in_channels, layer.out_channels // layer.groups, *layer.kernel)
    }
    return shapes | ({"bias": (layer.out_channels,)} if layer.bias else {})


def _linear(layer: Linear) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {"weight": (layer.out_features, layer.in_features)}
    return shapes | ({"bias": (layer.out_features,)} if layer.bias else {})


def _batch_norm(layer: BatchNorm) -> dict[str, Shape]:
    names = [*(["weight", "bias"] if layer.affine else []), "running_mean", "running_var"]
    return dict.fromkeys(names, (layer.channels,)) | {"num_batches_tracked": ()}


def _rescale(layer: Rescale) -> dict[str, Shape]:
    return {"beta": ()}


_SHAPES: dict[str, Callable[[Any], dict[str, Shape]]] = {
    "conv": _conv,
    "conv-transpose": _conv_transpose,
    "linear": _linear,
    "batch-norm": _batch_norm,
    "rescale": _rescale,
}

_COUNTERS = frozenset({"num_batches_tracked"})


def tensor_shapes(architecture: Architecture) -> dict[str, Shape]:
    """List the tensors of a model's state dict.

    Args:
        architecture: A chain of layers, or a graph of operations.

    Returns:
        Shapes by key, in the state dict's order.
    """
    if isinstance(architecture, Operations):
        return {name: spec.shape for name, spec in architecture.tensors.items()}
    shapes: dict[str, Shape] = {}
    for name, layer in architecture.items():
        own = _SHAPES[layer.type](layer) if layer.type in _SHAPES else {}
        shapes |= {f"{name}.{tensor}": shape for tensor, shape in own.items()}
    return shapes


def is_counter(architecture: Architecture, name: str) -> bool:
    """Whether a tensor holds whole numbers or truth values; all others are floating-point."""
    if isinstance(architecture, Operations):
        return "float" not in architecture.tensors[name].dtype
    return name.rsplit(".", 1)[-1] in _COUNTERS
