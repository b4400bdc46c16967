"""Features drawn from the teacher's statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.distill.fitting.context import Edge
from legonet.distill.synthesis.from_statistics import synthesise


def drawn(edge: Edge, count: int, generator: torch.Generator, device: torch.device | str) -> Tensor | None:
    """Draw features; None without statistics."""
    if edge.statistics is None:
        return None
    return synthesise(edge.statistics, count, generator).to(device)
