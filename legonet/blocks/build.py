"""Chains of layers to and from nn.Modules that can be trained. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from legonet.blocks.libraries.table import build_model
from legonet.blocks.registry import KINDS, describe_module, make_layer
from legonet.blocks.schema import Block
from legonet.errors import BlockError, first_line
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import with_tensors
from legonet.ir.notation import Layer, Layers, name_conflict


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
    if block.layers is not None:
        return build_layers(block.layers, device, where=f"{where}: layers")
    if block.architecture is not None:
        return build_graph(block.architecture, device)
    assert block.builder is not None  # noqa: S101 - the model has one of the two
    return build_model(block.builder, block.arguments, device, where=f"{where}: builder")


def _make(layer: Layer, device: str, where: str) -> nn.Module:
    try:
        return make_layer(layer, device)
    except (ValueError, RuntimeError, OverflowError) as error:
        raise BlockError(f"{where}: the layer cannot be built: {first_line(error)}") from error


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
            f"{type(module).__name__}: is not a chain of layers; expected an nn.Sequential; choose a "
            "teacher that is one"
        )
    return list(_leaves(module, ""))


def _leaves(module: nn.Sequential, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if type(child) is nn.Sequential:
            yield from _leaves(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def chain_layers(module: nn.Sequential) -> dict[str, Layer]:
    """Describe a chain of layers that is built.

    Raises:
        BlockError: The module holds something that is no known layer.
    """
    layers: dict[str, Layer] = {}
    for name, leaf in leaves(module):
        try:
            layer = describe_module(leaf)
        except ValueError as error:
            raise BlockError(f"{name}: {type(leaf).__name__} with {error}") from error
        if layer is None:
            raise BlockError(
                f"{name}: {type(leaf).__name__} is not among the known layers; expected one of "
                f"{', '.join(KINDS)}; choose a teacher of those"
            )
        layers[name] = layer
    return layers


def lowered(module: nn.Sequential) -> GraphModule:
    """The graph of a chain that is built, with its very weights: frozen, in evaluation mode.

    Raises:
        BlockError: The module holds something that is no known layer.
    """
    return with_tensors(lower(chain_layers(module)), module.state_dict())
