"""What a program costs for one image. Needs torch where arithmetic is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from legonet.compile.program import Brick, Program, Weight
from legonet.ir.sizes import Shape, shapes_of, size_of
from legonet.ops.table import ROWS

Shapes = Shape | Mapping[str, Shape]
"""(channels, height, width) of images; where categories see others, by the images' names."""


def shape_of(shapes: Shapes, name: str) -> Shape:
    """The shape of images by their name."""
    return shapes[name] if isinstance(shapes, Mapping) else shapes


@dataclass(frozen=True)
class ProgramCost:
    """What a program costs.

    Attributes:
        calls: How many calls of bricks and groups there are.
        layers: How many operations these calls run.
        operations: Arithmetic for one image; two for each multiplication with its addition, one for each
            element that another operation computes.
        weights: Numbers that the operations take.
    """

    calls: int
    layers: int
    operations: int
    weights: int


def cost_of(program: Program, input_shape: Shapes) -> ProgramCost:
    """Count what a program costs for one image.

    Args:
        program: What runs.
        input_shape: The shape of the images.
    """
    shapes: dict[str, Shape] = {}
    known: dict[object, tuple[Shape, int]] = {}  # bricks of one structure are counted once
    operations = layers = 0
    weights: dict[Weight, int] = {}
    for call in program.calls:
        brick = program.bricks[call.bricks[0]]
        name = call.reads[0].call
        shape = shapes[name] if name in shapes else shape_of(input_shape, name)
        key = (brick.structure, shape)
        if key not in known:
            known[key] = _cost(brick, shape)
        shapes[call.name], each = known[key]
        operations += each * len(call.reads)
        layers += len(brick.steps)
        for name in call.bricks:
            member = program.bricks[name]
            weights |= {
                weight: prod(member.graph.tensors[tensor].shape) for tensor, weight in member.weights.items()
            }
    return ProgramCost(len(program.calls), layers, operations, sum(weights.values()))


def _cost(brick: Brick, shape: Shape) -> tuple[Shape, int]:
    shapes, size = shapes_of(brick.graph, shape, brick.full_name), size_of(brick.graph, shape)
    others = [
        step.name for step in brick.steps if not ROWS[step.function].flops and not ROWS[step.function].moves
    ]
    return size.gives, size.operations + sum(prod(shapes.get(name, ())) for name in others)
