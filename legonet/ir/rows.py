"""Maps in a row of numbers, and taken out of it; see `legonet.ir.several`. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from legonet.graph.output import Maps


def taken_apart(row: Tensor, maps: Maps | None) -> list[Tensor]:
    """The maps (batch, channels, height, width) in a row (batch, numbers); what is no row is the only one."""
    if maps is None:
        return [row]
    parts = row.split([prod(each) for each in maps], 1)
    return [part.unflatten(1, shape) for part, shape in zip(parts, maps, strict=True)]


def in_a_row(parts: Sequence[Tensor], maps: Maps | None) -> Tensor:
    """Maps in a row again, as `taken_apart` found them."""
    return parts[0] if maps is None else torch.cat([each.flatten(1) for each in parts], 1)
