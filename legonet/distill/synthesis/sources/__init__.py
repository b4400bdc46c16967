"""Sources of features that need no image of the category, one file each; a new one has a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from legonet.distill.fitting.context import Edge
from legonet.distill.synthesis.sources.drawn import drawn
from legonet.distill.synthesis.sources.leaves import leaves
from legonet.distill.synthesis.sources.photos import photos
from legonet.distill.synthesis.sources.proxies import proxies

# Each is given an edge, how many features, a CPU generator and the device of f; it gives features (batch,
# channels, height, width), or None where what it needs is not known.
Source = Callable[[Edge, int, torch.Generator, torch.device | str], Tensor | None]

# How many each gives for one that is asked for; chosen on validation images (docs/method.md).
TABLE: Mapping[str, tuple[Source, float]] = {
    "drawn": (drawn, 1 / 2),
    "leaves": (leaves, 1 / 4),
    "photos": (photos, 1 / 4),
    "proxies": (proxies, 1 / 4),
}
