"""Runs the calls of a program, in order, and frees each value after its last use. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from legonet.compile.build import Place
from legonet.compile.program import Call, Program, Ref

BATCH, CHANNELS = 0, 1


@dataclass(frozen=True)
class Run:
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


def schedule(program: Program, places: Mapping[str, Place]) -> tuple[Run, ...]:
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
        runs.append(Run(call.name, places[call.name], call.reads, how, axis, tuple(sorted(freed))))
    return tuple(runs)


def _how(call: Call, source: Call | None) -> Literal["single", "shared", "whole", "batch", "group"]:
    if len(call.reads) == 1:
        return "single"
    if call.is_group and len(set(call.reads)) == 1:
        return "shared"
    if source is not None and source.refs == call.reads and source.is_group == call.is_group:
        return "whole"
    return "group" if call.is_group else "batch"


def run_schedule(root: nn.Module, runs: Sequence[Run], values: dict[str, Tensor | Stack]) -> None:
    """Run all calls.

    Args:
        root: holds the modules by kind and name.
        runs: in order.
        values: by name: images at first, and what is left when all has run.
    """
    for run in runs:
        module = find_module(root, run.place)
        if run.how == "single":
            ref = run.reads[0]
            value = values[ref.call]
            values[run.name] = module(value.parts[ref.member] if isinstance(value, Stack) else value)
        else:
            values[run.name] = _run_members(module, run, values)
        for name in run.last:
            del values[name]


def find_module(root: nn.Module, place: Place) -> nn.Module:
    """The module of a kind and name."""
    kind, name = place
    modules: Any = root._modules[kind]
    return modules._modules[name] if name else modules


def _run_members(module: nn.Module, run: Run, values: dict[str, Tensor | Stack]) -> Stack:
    members = [member(values, ref) for ref in run.reads]
    source = values[run.reads[0].call]
    if run.how == "shared":
        given = members[0]
    elif run.how == "whole" and isinstance(source, Stack) and source.tensor is not None:
        given = source.tensor
    elif any(each.shape[1:] != members[0].shape[1:] for each in members):
        return Stack(None, [module(each) for each in members])
    else:
        given = torch.cat(members, run.axis)
    output = module(given)
    if run.axis == CHANNELS:
        return Stack(output, output.chunk(len(members), CHANNELS))
    return Stack(output, output.split([each.shape[0] for each in members]))


def member(values: Mapping[str, Tensor | Stack], ref: Ref) -> Tensor:
    """One value: what a call gave for one of its members."""
    value = values[ref.call]
    return value.parts[ref.member] if isinstance(value, Stack) else value
