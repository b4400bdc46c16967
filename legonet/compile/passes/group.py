"""Modules of one architecture and different weights run side by side, as one call with grouped convolutions.

The members' features stand beside each other in the channels of one tensor. Where all read the same images,
the first convolutions are plain ones with the members' filters below each other.

Measured on a CPU with one thread, channels last: up to 32 channels per member a group is mostly faster than
its members one after another, up to 7 times (4 channels, 20 members, batch 1); at worst, for a few members of
small maps, it takes 1.2 times as long. At 64 channels it is as fast, and above that slower. So groups are
proposed up to `WIDEST` channels, and whoever has the modules at hand may measure each and refuse it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import replace
from typing import Any

from legonet.compile.program import (
    Brick,
    Call,
    Computed,
    Program,
    Weight,
    fresh,
    fresh_name,
    merge_calls,
    split_brick,
)
from legonet.compile.rewrite import ref_of, takes_alone, tensor_of, users
from legonet.ir.cuts import cut_points
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ops.row import Weights
from legonet.ops.table import ROWS

WIDEST = 32

Pays = Callable[[Program, Sequence[Call], str], bool]
"""Whether some calls, up to an operation of the first one's brick, are worth to be run as a group."""


def always(program: Program, calls: Sequence[Call], place: str) -> bool:
    """Take every group that is proposed."""
    return True


def group(program: Program, pays: Pays = always) -> Program:
    """Run modules of one architecture that read the same value, or members of one group, as a group.

    Of modules that are too wide above, the operations below are grouped as bricks of the kind `stems`.

    Args:
        program: The program that is rewritten.
        pays: Asked of each group whether it is worth it.
    """
    refused: set[str] = set()
    while (calls := _alike(program, refused)) is not None:
        first = program.bricks[calls[0].bricks[0]]
        place = str(narrow(first, shared=_is_shared(calls)))
        if not pays(program, calls, place):
            refused |= {call.name for call in calls}
            continue
        number, names = list(first.graph.steps).index(place), []
        for call in calls:
            brick = program.bricks[name := call.bricks[0]]
            if (end := brick.steps[number].name) != brick.graph.output:
                stem = fresh_name(program, "stems", brick.name)
                program = split_brick(program, name, end, ("stems", stem))
                name = f"stems.{stem}"
            names.append(name)
        own = {each.bricks: each for each in program.calls}
        program = merge_calls(program, [own[(name,)] for name in names], tuple(names))
    return program


def narrow(brick: Brick, shared: bool) -> str | None:
    """The operation up to which a brick can be grouped; None unless a convolution is among those.

    Args:
        brick: One of the members.
        shared: All members read one value, so that whatever takes it has to be a plain convolution.
    """
    graph, convolves, last = brick.graph, False, None
    places = {*cut_points(graph), graph.output}
    takes_input = {step.name for step in users(graph).get(INPUT, ())}
    channels: dict[str, int | None] = {INPUT: _channels_in(graph, takes_input)}
    for step in graph.steps.values():
        weights, taken = _weights(step), {channels[each] for each in step.references()}
        if weights is None and len(taken) != 1:
            break  # a constant, or a map of one channel for all of another, which would meet another member's
        if not _keeps_apart(graph, step, shared and step.name in takes_input, taken):
            break
        channels[step.name] = taken.pop() if weights is None else _channels(graph, step, weights)[1]
        convolves |= weights is not None
        if convolves and step.name in places:
            last = step.name
    return last


def _weights(step: Operation) -> Weights | None:
    """The weights of an operation, if those of members can stand side by side."""
    weights = ROWS[step.function].weights
    return weights if weights is not None and weights.options else None


def _keeps_apart(graph: ModelGraph, step: Operation, first: bool, taken: Collection[int | None]) -> bool:
    """Whether members that stand side by side in the channels stay apart.

    Args:
        graph: The graph that the operation is of.
        step: The operation.
        first: It takes what all members share.
        taken: How many channels what it takes has, where that is known.
    """
    row, weights = ROWS[step.function], _weights(step)
    if weights is not None:
        if not takes_alone(step):
            return False
        plain = not weights.transposed and weights.groups_of(step) == 1
        return _channels(graph, step, weights)[1] <= WIDEST and (not first or plain)
    if first or not row.per_channel or row.mixes(step):
        return False
    if _is_scaling(graph, step):
        return True
    vectors = [name for place in row.vectors if (name := tensor_of(step.argument(place))) is not None]
    if vectors and list(step.references()) != [ref_of(step.arguments[0])]:
        return False
    one_for_all = (1,) in {graph.tensors[name].shape for name in vectors} and set(taken) != {1}
    return not one_for_all and len(vectors) == len(list(step.tensors()))


def _channels(graph: ModelGraph, step: Operation, weights: Weights) -> tuple[int, int]:
    """The channels that a convolution takes and gives."""
    return weights.channels(step, graph.tensors[str(tensor_of(step.arguments[1]))].shape)


def _channels_in(graph: ModelGraph, takers: Collection[str]) -> int | None:
    """The channels of the input, if a convolution takes it."""
    for step in (graph.steps[name] for name in takers):
        weights = _weights(step)
        if weights is not None and tensor_of(step.arguments[1]) is not None:
            return _channels(graph, step, weights)[0]
    return None


def _is_scaling(graph: ModelGraph, step: Operation) -> bool:
    """Whether features are multiplied by one number that is a tensor, as by a re-scaling layer."""
    if step.function != "mul.Tensor" or ref_of(step.arguments[0]) is None:
        return False
    scale = tensor_of(step.arguments[1])
    return scale is not None and graph.tensors[scale].shape == ()


def _is_shared(calls: Sequence[Call]) -> bool:
    return len({call.reads[0] for call in calls}) == 1


def _alike(program: Program, refused: Collection[str]) -> list[Call] | None:
    """Calls that can be one group: the first, in the order of the program."""
    groups = {call.name for call in program.calls if call.is_group}
    times: dict[tuple[str, ...], int] = {}
    for call in program.calls:
        times[call.bricks] = times.get(call.bricks, 0) + 1
    found: dict[tuple[Any, ...], dict[Hashable, Call]] = {}
    for call in program.calls:
        if call.is_batch or call.is_group or times[call.bricks] > 1 or call.name in refused:
            continue
        brick, read = program.bricks[call.bricks[0]], call.reads[0]
        in_group = read.call in groups
        place = narrow(brick, shared=not in_group)
        if place is None:
            continue
        shape = _structure(brick, place)
        if in_group:  # members of a group, each once
            found.setdefault((read.call, shape, brick.device), {}).setdefault(read.member, call)
        else:
            found.setdefault((read, shape, brick.device), {})[call.name] = call
    return next((list(calls.values()) for calls in found.values() if len(calls) > 1), None)


def _structure(brick: Brick, place: str) -> Hashable:
    """What members of a group have in common: the operations up to a place, whatever their weights."""
    steps, _ = brick.structure
    return steps[: list(brick.graph.steps).index(place) + 1]


def side_by_side(bricks: Sequence[Brick], shared: bool) -> Brick:
    """One brick that computes several of one architecture, side by side in the channels.

    Args:
        bricks: The members.
        shared: All read the same value.
    """
    first, members = bricks[0], len(bricks)
    takes_input = {step.name for step in users(first.graph).get(INPUT, ())} if shared else set()
    steps: dict[str, Operation] = {}
    weights: dict[str, Weight] = {}
    specs: dict[str, TensorSpec] = {}
    for number, (name, step) in enumerate(first.graph.steps.items()):
        if (convolution := _weights(step)) is not None:
            groups = convolution.groups_of(step) * (1 if name in takes_input else members)
            steps[name] = _with_groups(step, convolution, groups)
        elif _is_scaling(first.graph, step):
            steps |= _each_scaled(step, members, {*first.graph.steps, *steps})
        else:
            steps[name] = step
        taken = [list(brick.steps[number].tensors()) for brick in bricks]
        for tensors in zip(*taken, strict=True):
            own, spec = tensors[0], first.graph.tensors[tensors[0]]
            parts = tuple(brick.weights[each] for brick, each in zip(bricks, tensors, strict=True))
            if spec.shape:
                weights[own] = Computed("side by side", parts)
                specs[own] = replace(spec, shape=(spec.shape[0] * members, *spec.shape[1:]))
            else:
                weights[own] = Computed("one each", parts)
                specs[own] = replace(spec, shape=(members, 1, 1, 1))
    graph = ModelGraph(steps, first.graph.output, specs)
    return Brick(first.kind, first.name, graph, weights, first.device, first.in_place)


def _each_scaled(step: Operation, members: int, taken: Collection[str]) -> dict[str, Operation]:
    """The operations that multiply each member by a number of its own."""
    (features, scales), name = step.arguments, step.name
    apart, scaled = fresh(f"{name}.apart", taken, "_"), fresh(f"{name}.scaled", taken, "_")
    return {
        apart: replace(
            step, name=apart, function="unflatten.int", arguments=(features, 1, [members, -1]), keywords={}
        ),
        scaled: replace(step, name=scaled, arguments=({"ref": apart}, scales)),
        name: replace(step, function="flatten.using_ints", arguments=({"ref": scaled}, 1, 2), keywords={}),
    }


def _with_groups(step: Operation, weights: Weights, groups: int) -> Operation:
    """A convolution of so many groups, with all options given by position."""
    options = {
        name: step.argument(place, default, name) for place, (name, default) in enumerate(weights.options, 2)
    }
    arguments = (*step.arguments[:2], *(options | {"groups": groups}).values())
    return replace(step, arguments=arguments, keywords={})
