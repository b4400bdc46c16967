"""A re-scaling becomes part of the weights above it, in a private copy: W (beta x) + b = (beta W) x + b."""

from __future__ import annotations

from legonet.compile.program import Brick, Computed, Program, Weight, with_bricks
from legonet.compile.rewrite import (
    bypassed,
    own_weight,
    rebuilt,
    ref_of,
    takes_alone,
    tensor_of,
    users,
    with_arguments,
)
from legonet.ir.graph import Operation


def fold_rescale(program: Program) -> Program:
    """Multiply the weights of linear layers by the scalar that their features are multiplied by."""
    return with_bricks(program, _without_rescale)


def _without_rescale(brick: Brick) -> Brick:
    for step in brick.steps:
        scale = tensor_of(step.argument(1, None, "other")) if step.function == "mul.Tensor" else None
        if (
            scale is None
            or ref_of(step.arguments[0]) is None
            or brick.graph.tensors[scale].shape
            or step.name == brick.graph.output
        ):
            continue
        above = users(brick.graph).get(step.name, [])
        if above and all(takes_alone(each, step.name) for each in above):
            brick = _scaled(brick, step, [each.name for each in above], brick.weights[scale])
    return brick


def _scaled(brick: Brick, scaling: Operation, names: list[str], scale: Weight) -> Brick:
    steps, weights, more = dict(brick.graph.steps), dict(brick.weights), {}
    for name in names:
        weight = str(tensor_of(steps[name].arguments[1]))
        own = own_weight(brick, steps[name], weights)
        weights[own] = Computed("scaled", (brick.weights[weight], scale))
        more[own] = brick.graph.tensors[weight]
        steps[name] = with_arguments(steps[name], {1: {"tensor": own}})
    graph = rebuilt(brick.graph, steps, more=more)
    return brick.with_graph(bypassed(graph, {scaling.name}), weights)
