"""An architecture becomes an nn.Module whose state dict has the architecture's names. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from legonet.blocks.interpret import OperationModule, build_operations, operations_shape
from legonet.blocks.library import build_model
from legonet.blocks.operations import Operations
from legonet.blocks.registry import KINDS, make_layer
from legonet.blocks.schema import Architecture, Block, Layer, Layers, name_conflict
from legonet.errors import BlockError


def build_layers(layers: Layers, device: str = "cpu", *, where: str = "layers") -> nn.Sequential:
    """Build a chain with torch's usual random weights.

    Args:
        layers: Names and layers, in order. A name with dots nests: `features.4` is layer `4` inside an
            nn.Sequential `features`.
        device: Where the weights are made; "meta" makes none.
        where: What messages call the chain.

    Returns:
        The module, in training mode. Its state dict's keys are `<layer name>.weight` and so on.

    Raises:
        BlockError: Names that cannot nest, or a layer whose numbers contradict each other.
    """
    conflict = name_conflict(layers)
    if conflict:
        raise BlockError(f"{where}.{conflict[0]}: {conflict[1]}; rename the layer or move it")
    root = nn.Sequential()
    for name, layer in layers.items():
        parent = root
        *prefixes, last = name.split(".")
        for prefix in prefixes:
            parent = _child(parent, prefix, f"{where}.{name}")
        _add(parent, last, _make(layer, device, f"{where}.{name}"), f"{where}.{name}")
    return root


def build_architecture(
    architecture: Architecture, device: str = "cpu", *, where: str = "layers"
) -> nn.Sequential | OperationModule:
    """Build a chain with torch's usual random weights, or a graph with weights of no meaning.

    Args:
        architecture: Layers or operations.
        device: Where the weights are made; "meta" makes none.
        where: What messages call it.

    Raises:
        BlockError: It cannot be built.
    """
    if isinstance(architecture, Operations):
        return build_operations(architecture, device)
    return build_layers(architecture, device, where=where)


def build_block(block: Block, device: str = "cpu") -> nn.Module:
    """Build a block with random weights.

    Args:
        block: Layers, operations, or a library's builder.
        device: Where the weights are made; "meta" makes none.

    Returns:
        The module: an nn.Sequential for layers, the library's own class for a builder, both in training mode;
        an interpreter for operations, which are those of evaluation.

    Raises:
        BlockError: The block cannot be built.
    """
    where = f"block {block.name}"
    if block.architecture is not None:
        return build_architecture(block.architecture, device, where=f"{where}: layers")
    assert block.builder is not None  # noqa: S101 - the model has one of the two
    return build_model(block.builder, block.arguments, device, where=f"{where}: builder")


def _make(layer: Layer, device: str, where: str) -> nn.Module:
    try:
        return make_layer(layer, device)
    except (ValueError, RuntimeError, OverflowError) as error:
        raise BlockError(f"{where}: the layer cannot be built: {_first_line(error)}") from error


def _child(parent: nn.Sequential, name: str, where: str) -> nn.Sequential:
    child = parent._modules.get(name)
    if child is None:
        child = nn.Sequential()
        _add(parent, name, child, where)
    assert isinstance(child, nn.Sequential)  # noqa: S101 - name_conflict has seen to it
    return child


def _add(parent: nn.Sequential, name: str, module: nn.Module, where: str) -> None:
    if hasattr(parent, name) and name not in parent._modules:
        raise BlockError(f"{where}: torch uses the name '{name}' itself; choose another name")
    parent.add_module(name, module)


def leaves(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """List a built chain's layers in order, by their full names.

    Raises:
        BlockError: The module is no chain.
    """
    if not isinstance(module, nn.Sequential):
        raise BlockError(
            f"{type(module).__name__}: is no chain; expected an nn.Sequential of layers; choose a teacher "
            "that is one"
        )
    return list(_leaves(module, ""))


def _leaves(module: nn.Sequential, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if type(child) is nn.Sequential:
            yield from _leaves(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def output_shape(
    layers: Architecture, input_shape: tuple[int, ...], *, where: str = "layers"
) -> tuple[int, ...]:
    """Find the shape of a module's output without weights and without computing.

    Args:
        layers: Names and layers, in order; or operations.
        input_shape: Without the batch, such as (channels, height, width).
        where: What messages call the chain.

    Returns:
        The output's shape, without the batch.

    Raises:
        BlockError: The module cannot be built, or a layer cannot take what the layers before it give.
    """
    if isinstance(layers, Operations):
        return operations_shape(build_operations(layers, "meta"), tuple(input_shape), where)
    module = build_layers(layers, "meta", where=where).eval()
    shape = tuple(input_shape)
    for name, leaf in leaves(module):
        shape = _step(layers[name], leaf, shape, f"{where}.{name}")
    return shape


def _step(layer: Layer, module: nn.Module, shape: tuple[int, ...], where: str) -> tuple[int, ...]:
    kind = layer.type
    expected, fits = KINDS[kind].expects(layer)
    if not fits(shape):
        raise BlockError(
            f"{where}: its input has shape {show_shape(shape)}; {kind} expects {expected}; "
            "change this layer or those before it"
        )
    try:
        with torch.no_grad():
            output = module(torch.empty((1, *shape), device="meta"))
    except (RuntimeError, ValueError, OverflowError) as error:
        raise BlockError(
            f"{where}: {kind} cannot take its input of shape {show_shape(shape)}: {_first_line(error)}; "
            "change this layer or those before it"
        ) from error
    return tuple(output.shape[1:])


def show_shape(shape: tuple[int, ...]) -> str:
    """Write a shape as in messages: (64, 2, 2), or (256) for a vector."""
    return f"({', '.join(map(str, shape))})"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
