"""What a program costs for one image: operations, weights, calls. Needs torch, for shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import prod

import torch
from torch import nn

from legonet.blocks.build import output_shape
from legonet.blocks.flops import FlopCounter
from legonet.blocks.schema import BatchNorm, Conv, ConvTranspose, Dropout, Flatten, Identity, Linear
from legonet.compile.program import Call, Program, Step

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """What a program costs.

    Attributes:
        calls: of bricks and groups.
        layers: how many layers these calls run.
        operations: for one image; two for each multiplication and addition, one for each element that
            another layer gives.
        weights: numbers that the layers hold.
    """

    calls: int
    layers: int
    operations: int
    weights: int


def cost_of(program: Program, input_shape: Shape, opaque: Mapping[str, nn.Module]) -> Cost:
    """Count what a program costs for one image.

    Args:
        program: what runs.
        input_shape: (channels, height, width).
        opaque: by label, the modules that are no chains of known layers; they are run once to be counted.
    """
    operations = layers = 0
    weights: dict[object, int] = {}
    shapes: dict[str, Shape] = {}
    for call in program.calls:
        shapes[call.name], done = _call_cost(
            program, call, shapes.get(call.reads[0].call, input_shape), opaque
        )
        operations += done * len(call.reads)
        layers += len(program.steps(call.bricks[0]))
        for name in call.bricks:
            weights |= {step.content: _weights(step, opaque) for step in program.steps(name)}
    return Cost(len(program.calls), layers, operations, sum(weights.values()))


def shapes_of(program: Program, input_shape: Shape, opaque: Mapping[str, nn.Module]) -> dict[str, Shape]:
    """The shape of what each call gives for each of its members, without the batch."""
    shapes: dict[str, Shape] = {}
    for call in program.calls:
        shapes[call.name], _ = _call_cost(program, call, shapes.get(call.reads[0].call, input_shape), opaque)
    return shapes


def _call_cost(
    program: Program, call: Call, shape: Shape, opaque: Mapping[str, nn.Module]
) -> tuple[Shape, int]:
    """The shape that one member gives, and its operations."""
    operations = 0
    for step in program.steps(call.bricks[0]):
        shape, more = _step_cost(step, shape, opaque)
        operations += more
    return shape, operations


def _step_cost(step: Step, shape: Shape, opaque: Mapping[str, nn.Module]) -> tuple[Shape, int]:
    if step.layer is not None:
        return _layer_cost(Step("", step.layer), shape)
    return _module_cost(opaque[str(step.weights)], shape)


@lru_cache(maxsize=4096)
def _layer_cost(step: Step, shape: Shape) -> tuple[Shape, int]:
    layer = step.layer
    assert layer is not None  # noqa: S101 - modules that are no chain are counted otherwise
    above = output_shape({"layer": layer}, shape)
    if isinstance(layer, Conv):
        return above, 2 * prod(above) * layer.in_channels // layer.groups * prod(layer.kernel)
    if isinstance(layer, ConvTranspose):
        return above, 2 * prod(shape) * layer.out_channels // layer.groups * prod(layer.kernel)
    if isinstance(layer, Linear):
        return above, 2 * prod(above) * layer.in_features
    return above, 0 if isinstance(layer, Dropout | Identity | Flatten) else prod(above)


def _module_cost(module: nn.Module, shape: Shape) -> tuple[Shape, int]:
    held = (each for each in chain(module.parameters(), module.buffers()) if each.is_floating_point())
    first = next(held, torch.empty(0))
    with torch.no_grad(), FlopCounter() as counter:
        output = module(torch.zeros((1, *shape), dtype=first.dtype, device=first.device))
    return tuple(output.shape[1:]), counter.total


def _weights(step: Step, opaque: Mapping[str, nn.Module]) -> int:
    layer = step.layer
    if layer is None:
        return sum(each.numel() for each in opaque[str(step.weights)].state_dict().values())
    if isinstance(layer, Conv | ConvTranspose):
        kernels = layer.in_channels * layer.out_channels // layer.groups * prod(layer.kernel)
        return kernels + (layer.out_channels if layer.bias else 0)
    if isinstance(layer, Linear):
        return layer.in_features * layer.out_features + (layer.out_features if layer.bias else 0)
    if isinstance(layer, BatchNorm):
        return layer.channels * (4 if layer.affine else 2) + 1
    return 1 if step.weights else 0
