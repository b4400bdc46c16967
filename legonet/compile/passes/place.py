"""Categories are spread over several devices; what they share stays on the first.

The plan is the simplest that balances weights: the largest category module goes first, each to the device
that holds least so far. An adapter is where the features that it reads are, so that only its output travels
to the task modules. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from legonet.compile.program import IMAGES, Program


def place(program: Program, weights: Mapping[str, int], devices: int) -> Program:
    """Give each brick the number of its device.

    Args:
        program: that is rewritten.
        weights: how much each brick weighs, by full name.
        devices: how many there are. The first holds what the images go through, stems and tasks.
    """
    loads = [0] * devices
    places = {
        name: 0 for name, brick in program.bricks.items() if brick.kind not in ("categories", "adapters")
    }
    loads[0] = sum(weights[name] for name in places)
    categories = [name for name, brick in program.bricks.items() if brick.kind == "categories"]
    for name in sorted(categories, key=lambda each: -weights[each]):
        places[name] = loads.index(min(loads))
        loads[places[name]] += weights[name]
    where: dict[str, int] = {}
    for call in program.calls:
        below = call.reads[0].call
        for name in call.bricks:
            default = 0 if below.startswith(IMAGES) else where.get(below, 0)
            where[call.name] = places.setdefault(name, default)
    bricks = {name: replace(brick, device=places[name]) for name, brick in program.bricks.items()}
    return replace(program, bricks=bricks)
