"""What a program costs for one image. Needs torch where arithmetic is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from legonet.compile.program import Brick, Call, Program, Weight
from legonet.ir.sizes import Shape, shapes_of, size_of
from legonet.ops.table import ROWS


@dataclass(frozen=True)
class ProgramCost:
    """What a program costs.

    Attributes:
        calls: Of bricks and groups.
        layers: How many operations these calls run.
        operations: Arithmetic for one image; two for each multiplication with its addition, one for each
            element that another operation computes.
        weights: Numbers that the operations take.
    """

    calls: int
    layers: int
    operations: int
    weights: int


def cost_of(program: Program, input_shape: Shape) -> ProgramCost:
    """Count what a program costs for one image.

    Args:
        program: What runs.
        input_shape: (channels, height, width).
    """
    counter = _Counter(input_shape)
    operations = layers = 0
    weights: dict[Weight, int] = {}
    for call in program.calls:
        operations += counter.take(program, call) * len(call.reads)
        layers += len(program.bricks[call.bricks[0]].steps)
        for name in call.bricks:
            brick = program.bricks[name]
            weights |= {
                weight: prod(brick.graph.tensors[each].shape) for each, weight in brick.weights.items()
            }
    return ProgramCost(len(program.calls), layers, operations, sum(weights.values()))


def shapes_of_calls(program: Program, input_shape: Shape) -> Mapping[str, Shape]:
    """The shape of what each call gives for each of its members, without the batch."""
    counter = _Counter(input_shape)
    for call in program.calls:
        counter.take(program, call)
    return counter.shapes


class _Counter:
    """Follows shapes through the calls; bricks of one structure are counted once."""

    def __init__(self, input_shape: Shape) -> None:
        self.shapes: dict[str, Shape] = {}
        self._input_shape = input_shape
        self._known: dict[object, tuple[Shape, int]] = {}

    def take(self, program: Program, call: Call) -> int:
        """The operations of one member of the next call."""
        brick = program.bricks[call.bricks[0]]
        shape = self.shapes.get(call.reads[0].call, self._input_shape)
        key = (brick.structure, shape)
        if key not in self._known:
            self._known[key] = _cost(brick, shape)
        self.shapes[call.name], operations = self._known[key]
        return operations


def _cost(brick: Brick, shape: Shape) -> tuple[Shape, int]:
    shapes, size = shapes_of(brick.graph, shape, brick.full_name), size_of(brick.graph, shape)
    others = [
        step.name for step in brick.steps if not ROWS[step.function].flops and not ROWS[step.function].moves
    ]
    return size.gives, size.operations + sum(prod(shapes.get(name, ())) for name in others)
