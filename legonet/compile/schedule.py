"""Runs the calls of a program, in order, and frees each value after its last use. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from legonet.compile.build import Place
from legonet.compile.program import Call, Program, Ref
from legonet.ir.interpreter import GraphModule

BATCH, CHANNELS = 0, 1

Landing = tuple[torch.device, torch.dtype]
"""Where a module computes, and in what."""


@dataclass(frozen=True)
class ScheduledCall:
    """One call, with what can be known of it beforehand.

    Attributes:
        name: of the call.
        place: kind and name of its module.
        reads: the values.
        how: `single`: one value. `shared`: a group whose members all read one value. `whole`: its reads are
            all members of one call as they lie. `batch` and `group`: members are put together first.
        axis: along which members lie.
        last: values that nobody reads after it.
    """

    name: str
    place: Place
    reads: tuple[Ref, ...]
    how: Literal["single", "shared", "whole", "batch", "group"]
    axis: int
    last: tuple[str, ...]


@dataclass
class Stack:
    """What a call of several members gave: one tensor, or one for each where their shapes differ.

    Attributes:
        tensor: all members, along the axis.
        parts: the members.
    """

    tensor: Tensor | None
    parts: Sequence[Tensor]


def schedule(program: Program, places: Mapping[str, Place]) -> tuple[ScheduledCall, ...]:
    """Work out what can be known before there are images."""
    calls = {call.name: call for call in program.calls}
    last_reader: dict[str, str] = {}
    for call in program.calls:
        for ref in call.reads:
            last_reader[ref.call] = call.name
    kept = {ref.call for ref in program.outputs.values()}
    runs = []
    for call in program.calls:
        freed = {ref.call for ref in call.reads if last_reader[ref.call] == call.name} - kept
        axis = CHANNELS if call.is_group else BATCH
        how = _how(call, calls.get(call.reads[0].call))
        runs.append(ScheduledCall(call.name, places[call.name], call.reads, how, axis, tuple(sorted(freed))))
    return tuple(runs)


def _how(call: Call, source: Call | None) -> Literal["single", "shared", "whole", "batch", "group"]:
    if len(call.reads) == 1:
        return "single"
    if call.is_group and len(set(call.reads)) == 1:
        return "shared"
    if source is not None and source.refs == call.reads and source.is_group == call.is_group:
        return "whole"
    return "group" if call.is_group else "batch"


def run_schedule(
    steps: Sequence[tuple[ScheduledCall, nn.Module]],
    values: dict[str, Tensor | Stack],
    landings: Mapping[str, Landing] | None = None,
) -> None:
    """Run all calls.

    Args:
        steps: in order, each with its module.
        values: by name: images at first, and what is left when all has run.
        landings: where each call has its values, by name; None: all are where they are needed.
    """
    for run, module in steps:
        if run.how == "single":
            values[run.name] = module(_landed(member(values, run.reads[0]), run, landings))
        else:
            values[run.name] = _run_members(module, run, values, landings)
        for name in run.last:
            del values[name]


def straight(runs: Sequence[ScheduledCall], outputs: Mapping[str, Ref]) -> bool:
    """Whether the calls are a single line, each reading what the one before it gives."""
    if len(outputs) != 1 or not runs:
        return False
    given = [*(Ref(run.name) for run in runs[:-1])]
    (output,) = outputs.values()
    reads = [run.reads[0] for run in runs[1:]]
    return all(run.how == "single" for run in runs) and reads == given and output == Ref(runs[-1].name)


def find_landings(steps: Sequence[tuple[ScheduledCall, nn.Module]]) -> dict[str, Landing]:
    """Where each call's module has its weights; calls without any compute wherever their values are."""
    landings = {}
    for run, module in steps:
        weights = next((each for each in module.state_dict().values() if each.is_floating_point()), None)
        if weights is not None:
            landings[run.name] = weights.device, weights.dtype
    return landings


def _landed(value: Tensor, run: ScheduledCall, landings: Mapping[str, Landing] | None) -> Tensor:
    if landings is None or run.name not in landings:
        return value
    return value.to(*landings[run.name])


def find_module(root: nn.Module, place: Place) -> GraphModule:
    """The module of a kind and name."""
    kind, name = place
    modules: Any = root._modules[kind]
    return modules._modules[name] if name else modules


def _run_members(
    module: nn.Module,
    run: ScheduledCall,
    values: Mapping[str, Tensor | Stack],
    landings: Mapping[str, Landing] | None,
) -> Stack:
    members = [_landed(member(values, ref), run, landings) for ref in run.reads]
    source = values[run.reads[0].call]
    if run.how == "shared":
        given = members[0]
    elif run.how == "whole" and isinstance(source, Stack) and source.tensor is not None:
        given = _landed(source.tensor, run, landings)
    elif any(each.shape[1:] != members[0].shape[1:] for each in members):
        return Stack(None, [module(each) for each in members])
    else:
        given = torch.cat([each.to(members[0]) for each in members] if landings else members, run.axis)
    output = module(given)
    if run.axis == CHANNELS:
        return Stack(output, output.chunk(len(members), CHANNELS))
    return Stack(output, output.split([each.shape[0] for each in members]))


def member(values: Mapping[str, Tensor | Stack], ref: Ref) -> Tensor:
    """One value: what a call gave for one of its members."""
    value = values[ref.call]
    return value.parts[ref.member] if isinstance(value, Stack) else value
