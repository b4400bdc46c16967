"""An adapter's last linear layer and the task module's first become one, where no activation stands between.

The joined layer is the adapter's: the task module above it stays shared. Two convolutions are joined where
that is exact up to the border, and is no more work:

- the upper one is 1x1 without padding: (A * x) then B is (B A) * x, of the lower one's kernel;
- the lower one is 1x1, and the upper one pads nothing, or pads with zeros what has no offset below.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from legonet.compile.program import (
    Brick,
    Call,
    Joined,
    Program,
    Ref,
    Step,
    fresh_name,
    rewired,
    split_brick,
)
from legonet.ir.notation import Conv, Layer, Linear


def join(program: Program) -> Program:
    """Join each adapter's last layer with the first of the task module above it, where that pays."""
    tried: set[str] = set()
    while (found := _next(program, tried)) is not None:
        tried.add(found[0].name)
        program = _join(program, *found)
    return program


def joined_layer(below: Layer | None, above: Layer | None) -> Layer | None:
    """The layer that computes both; None if there is none, or if it would be more work."""
    if isinstance(below, Linear) and isinstance(above, Linear):
        whole = above.model_copy(update={"in_features": below.in_features, "bias": below.bias or above.bias})
        apart = below.out_features * (below.in_features + above.out_features)
        return whole if below.in_features * above.out_features <= apart else None
    if not (isinstance(below, Conv) and isinstance(above, Conv)) or below.groups * above.groups > 1:
        return None
    bias = below.bias or above.bias
    if _is_pointwise(above):
        stride = tuple(a * b for a, b in zip(below.stride, above.stride, strict=True))
        whole = below.model_copy(update={"out_channels": above.out_channels, "stride": stride, "bias": bias})
    elif _is_pointwise(below) and below.stride == (1, 1) and (above.padding == (0, 0) or not below.bias):
        whole = above.model_copy(update={"in_channels": below.in_channels, "bias": bias})
    else:
        return None
    return whole if _work(whole) <= _work(below) + _work(above) else None


def _is_pointwise(conv: Conv) -> bool:
    return conv.kernel == (1, 1) and conv.padding == (0, 0)


def _work(conv: Conv) -> int:
    return conv.in_channels * conv.out_channels * prod(conv.kernel)


def _next(program: Program, tried: set[str]) -> tuple[Call, Call, Layer] | None:
    for call in program.calls:
        if call.name in tried or len(call.reads) > 1 or program.bricks[call.bricks[0]].kind != "adapters":
            continue
        readers = [each for each in program.calls if call.refs[0] in each.reads]
        alone = sum(each.bricks == call.bricks for each in program.calls) == 1
        if len(readers) != 1 or len(readers[0].reads) > 1 or not alone:
            continue
        if call.refs[0] in program.outputs.values():
            continue
        below, above = (program.steps(each.bricks[0]) for each in (call, readers[0]))
        layer = joined_layer(below[-1].layer, above[0].layer)
        if layer is not None:
            return call, readers[0], layer
    return None


def _join(program: Program, lower: Call, upper: Call, layer: Layer) -> Program:
    """Split the task module's first step off, in all calls of it, and let the adapter's last one do both."""
    task = program.bricks[upper.bricks[0]]
    first = upper
    if len(task.steps) > 1:
        name = fresh_name(program, task.kind, f"{task.name}-first")
        program = split_brick(program, task.full_name, 1, Brick(task.kind, name, ()))
        first = next(call for call in program.calls if call.reads == lower.refs)
    adapter = program.bricks[lower.bricks[0]]
    below, above = adapter.steps[-1], program.steps(first.bricks[0])[0]
    step = Step(f"{below.name}+{above.name}", layer, Joined(below.weights, above.weights))
    bricks = {**program.bricks, adapter.full_name: replace(adapter, steps=(*adapter.steps[:-1], step))}
    calls = [call for call in program.calls if call.name != first.name]
    moved: dict[Ref, Ref] = {first.refs[0]: lower.refs[0]}
    return rewired(replace(program, bricks=bricks), calls, moved)
