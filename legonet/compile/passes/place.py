"""Categories are spread over several devices; what they share stays on the first.

The plan is the simplest that balances weights: the largest category module, with its adapters, goes first,
each to the device that holds least so far. An adapter is where the features that it reads are, so that only
its output travels to the task modules. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from legonet.compile.program import Program


def place(program: Program, weights: Mapping[str, int], devices: int) -> Program:
    """Give each brick the number of its device.

    Args:
        program: The program that is rewritten.
        weights: The number of weights of each brick, by full name.
        devices: The number of devices. The first holds what the images go through, stems and tasks.
    """
    made_by = {call.name: call.bricks for call in program.calls}
    parts = {name: {name} for name, brick in program.bricks.items() if brick.kind == "categories"}
    for call in program.calls:
        adapters = [name for name in call.bricks if program.bricks[name].kind == "adapters"]
        for below in made_by.get(call.reads[0].call, ()):
            parts.get(below, set()).update(adapters)
    sizes = {name: sum(weights[part] for part in those) for name, those in parts.items()}
    spread = set().union(*parts.values())
    loads = [sum(weights[name] for name in program.bricks if name not in spread), *[0] * (devices - 1)]
    places: dict[str, int] = {}
    for name in sorted(parts, key=lambda each: -sizes[each]):
        number = loads.index(min(loads))
        loads[number] += sizes[name]
        for part in (name, *sorted(parts[name])):
            places.setdefault(part, number)
    bricks = {name: replace(brick, device=places.get(name, 0)) for name, brick in program.bricks.items()}
    return replace(program, bricks=bricks)
