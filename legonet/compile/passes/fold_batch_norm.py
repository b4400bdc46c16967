"""Batch norm becomes part of the weights below it, in a private copy.

gamma (W x + b - mu) / s + delta = (gamma W / s) x + gamma (b - mu) / s + delta,  s = sqrt(var + epsilon)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from legonet.compile.program import Brick, Computed, Program, Weight, with_bricks
from legonet.compile.rewrite import (
    bypassed,
    only_user,
    own_bias,
    own_weight,
    rebuilt,
    ref_of,
    takes_alone,
    tensor_of,
    with_arguments,
)
from legonet.ir.graph import ModelGraph, Operation, TensorSpec
from legonet.ops.table import ROWS


def fold_batch_norm(program: Program) -> Program:
    """Fold batch norm, with its recorded statistics, into the convolution or linear layer below it."""
    return with_bricks(program, _without_batch_norm)


def _without_batch_norm(brick: Brick) -> Brick:
    if brick.trained:
        return brick
    flat = _flat(brick.graph)
    for step in brick.steps:
        if step.function == "batch_norm" and _is_recorded(step):
            below = brick.graph.steps.get(ref_of(step.arguments[0]) or "")
            if below is not None and only_user(brick.graph, below.name) == step and _can_hold(below, flat):
                brick = _normed(brick, below, step)
    return brick


def _is_recorded(norm: Operation) -> bool:
    return (
        not ROWS[norm.function].mixes(norm)
        and len(list(norm.references())) == 1
        and None
        not in (
            tensor_of(norm.argument(3, None, "running_mean")),
            tensor_of(norm.argument(4, None, "running_var")),
        )
    )


def _can_hold(step: Operation, flat: Collection[str]) -> bool:
    weights = ROWS[step.function].weights
    if weights is None or not takes_alone(step):
        return False
    if weights.transposed and weights.groups_of(step) != 1:
        return False
    return weights.axis == 1 or step.name in flat


def _flat(graph: ModelGraph) -> set[str]:
    """The results that are known to be (batch, features).

    Batch norm is of the second axis and a linear layer of the last one, which is another for tokens.
    """
    found: set[str] = set()
    for name, step in graph.steps.items():
        taken = set(step.references())
        if step.function == "flatten.using_ints":
            flat = list(step.arguments[1:]) in ([1], [1, -1])
        else:
            row = ROWS[step.function]
            flat = row.per_channel or (row.weights is not None and row.weights.axis == -1)
            flat = flat and bool(taken) and taken <= found
        found |= {name} if flat else set()
    return found


def _normed(brick: Brick, below: Operation, norm: Operation) -> Brick:
    def known(position: int, name: str) -> Weight | None:
        tensor = tensor_of(norm.argument(position, None, name))
        return None if tensor is None else brick.weights[tensor]

    gamma, delta, mean, variance = (
        known(place, name)
        for place, name in ((1, "weight"), (2, "bias"), (3, "running_mean"), (4, "running_var"))
    )
    epsilon = float(norm.argument(7, 1e-5, "eps"))
    kernel = str(tensor_of(below.arguments[1]))
    bias = tensor_of(below.argument(2, None, "bias"))
    channels = brick.graph.tensors[str(tensor_of(norm.argument(4, None, "running_var")))].shape
    weights, more = dict(brick.weights), {}
    own = own_weight(brick, below, weights)
    offset = own_bias(brick, below, {*weights, own})
    row = ROWS[below.function].weights
    axis = "normed-inputs" if row is not None and row.transposed else "normed"
    before = None if bias is None else brick.weights[bias]
    weights[own] = Computed(axis, (brick.weights[kernel], gamma, variance), epsilon)
    weights[offset] = Computed("normed-bias", (before, mean, gamma, variance, delta), epsilon)
    more[own], more[offset] = brick.graph.tensors[kernel], TensorSpec(channels)
    steps = dict(brick.graph.steps)
    keywords = {key: value for key, value in below.keywords.items() if key != "bias"}
    steps[below.name] = with_arguments(
        replace(below, keywords=keywords), {1: {"tensor": own}, 2: {"tensor": offset}}
    )
    graph = rebuilt(brick.graph, steps, more=more)
    return brick.with_graph(bypassed(graph, {norm.name}), weights)
