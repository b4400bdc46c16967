"""A chain of layers becomes a graph with one operation for each layer, under its name. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from legonet.errors import BlockError
from legonet.ir import notation
from legonet.ir.graph import INPUT, ModelGraph, Operation, Shape, TensorSpec
from legonet.ir.notation import Layer, Layers, name_conflict


@dataclass(frozen=True)
class Lowered:
    """One layer as an operation.

    Attributes:
        function: The operation's name in ATen.
        arguments: After the features; a tensor by its name within the layer.
        tensors: The layer's tensors, by their names within it, in the order of the state dict.
    """

    function: str
    arguments: tuple[Any, ...] = ()
    tensors: dict[str, TensorSpec] = field(default_factory=dict)


def _weighted(weight: Shape, outputs: int, bias: bool) -> dict[str, TensorSpec]:
    return {"weight": TensorSpec(weight)} | ({"bias": TensorSpec((outputs,))} if bias else {})


def _tensor(tensors: dict[str, TensorSpec], name: str) -> dict[str, str] | None:
    return {"tensor": name} if name in tensors else None


def _conv(layer: notation.Conv) -> Lowered:
    shape = (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
    tensors = _weighted(shape, layer.out_channels, layer.bias)
    pairs = (list(layer.stride), list(layer.padding), list(layer.dilation))
    arguments = ({"tensor": "weight"}, _tensor(tensors, "bias"), *pairs, layer.groups)
    return Lowered("conv2d", arguments, tensors)


def _conv_transpose(layer: notation.ConvTranspose) -> Lowered:
    shape = (layer.in_channels, layer.out_channels // layer.groups, *layer.kernel)
    tensors = _weighted(shape, layer.out_channels, layer.bias)
    pairs = (list(layer.stride), list(layer.padding), list(layer.output_padding))
    arguments = ({"tensor": "weight"}, _tensor(tensors, "bias"), *pairs, layer.groups, list(layer.dilation))
    return Lowered("conv_transpose2d.input", arguments, tensors)


def _linear(layer: notation.Linear) -> Lowered:
    tensors = _weighted((layer.out_features, layer.in_features), layer.out_features, layer.bias)
    return Lowered("linear", ({"tensor": "weight"}, _tensor(tensors, "bias")), tensors)


def _max_pool(layer: notation.MaxPool) -> Lowered:
    pairs = (list(layer.kernel), list(layer.stride), list(layer.padding), list(layer.dilation))
    return Lowered("max_pool2d", (*pairs, layer.ceil))


def _avg_pool(layer: notation.AvgPool) -> Lowered:
    pairs = (list(layer.kernel), list(layer.stride), list(layer.padding))
    return Lowered("avg_pool2d", (*pairs, layer.ceil, layer.count_padding))


def _adaptive_avg_pool(layer: notation.AdaptiveAvgPool) -> Lowered:
    return Lowered("adaptive_avg_pool2d", (list(layer.size),))


def _flatten(layer: notation.Flatten) -> Lowered:
    return Lowered("flatten.using_ints", (1, -1))


def _dropout(layer: notation.Dropout) -> Lowered:
    return Lowered("feature_dropout" if layer.channels else "dropout")


def _batch_norm(layer: notation.BatchNorm) -> Lowered:
    tensors = {name: TensorSpec((layer.channels,)) for name in ("weight", "bias") if layer.affine}
    recorded = {name: TensorSpec((layer.channels,), buffer=True) for name in ("running_mean", "running_var")}
    names = ("weight", "bias", "running_mean", "running_var")
    arguments = (*(_tensor(tensors | recorded, name) for name in names), False, 0.1, layer.epsilon, True)
    return Lowered(
        "batch_norm",
        arguments,
        tensors | recorded | {"num_batches_tracked": TensorSpec((), "int64", buffer=True)},
    )


def _upsample(layer: notation.Upsample) -> Lowered:
    size = None if layer.size is None else list(layer.size)
    scale = None if layer.scale is None else [float(factor) for factor in layer.scale]
    if layer.mode == "nearest":
        return Lowered("upsample_nearest2d.vec", (size, scale))
    return Lowered("upsample_bilinear2d.vec", (size, False, scale))


def _rescale(layer: notation.Rescale) -> Lowered:
    return Lowered("mul.Tensor", ({"tensor": "beta"},), {"beta": TensorSpec((), buffer=True)})


_LAYERS: dict[str, Callable[[Any], Lowered]] = {
    "conv": _conv,
    "conv-transpose": _conv_transpose,
    "linear": _linear,
    "relu": lambda layer: Lowered("relu"),
    "max-pool": _max_pool,
    "avg-pool": _avg_pool,
    "adaptive-avg-pool": _adaptive_avg_pool,
    "flatten": _flatten,
    "dropout": _dropout,
    "identity": lambda layer: Lowered("identity"),
    "batch-norm": _batch_norm,
    "upsample": _upsample,
    "rescale": _rescale,
}
"""Every layer type of `legonet.ir.notation`, and nothing else."""


def lower_layer(layer: Layer) -> Lowered:
    """One layer as an operation."""
    return _LAYERS[layer.type](layer)


def lower(layers: Layers, *, where: str = "layers") -> ModelGraph:
    """Make the graph of a chain of layers.

    Args:
        layers: Names and layers, in order.
        where: What messages call the chain.

    Returns:
        A graph with one operation for each layer, under its name, that remembers the notation.

    Raises:
        BlockError: Names cannot nest, so that no state dict could have them.
    """
    conflict = name_conflict(layers)
    if conflict:
        raise BlockError(f"{where}.{conflict[0]}: {conflict[1]}; rename the layer or move it")
    steps: dict[str, Operation] = {}
    tensors: dict[str, TensorSpec] = {}
    below = INPUT
    for name, layer in layers.items():
        lowered = lower_layer(layer)
        arguments = ({"ref": below}, *(_within(name, each) for each in lowered.arguments))
        steps[name] = Operation(name, lowered.function, arguments, {}, name)
        tensors |= {f"{name}.{tensor}": spec for tensor, spec in lowered.tensors.items()}
        below = name
    return ModelGraph(steps, below, tensors, dict(layers))


def _within(name: str, argument: Any) -> Any:
    return {"tensor": f"{name}.{argument['tensor']}"} if isinstance(argument, dict) else argument
