"""Which units pass in a draw of the closed form: by chance, or those that passed together.

Masks by chance let each unit pass by itself, as often as it was active on its owner's images. Which units are
active together is lost with that, and deep task modules have much of it: the masks of g_T on single features,
synthesised or of images that are given, keep it. Then the pullbacks are Jacobians at real points of g_T.

Source: legonet; arXiv:1804.10272, section 3.3, draws masks by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from legonet.distill.alignment import Alignment
from legonet.distill.fitting.context import FEATURES
from legonet.distill.memory import together
from legonet.distill.synthesis.sampling import Shape, draw_masks
from legonet.ir.interpreter import GraphModule
from legonet.ir.observe import observed

MEMORY = 2**28  # bytes that the masks of single features may take


class Masks(Protocol):
    """Draws masks, and follows its units where they are put in another order."""

    def draw(self, count: int, shapes: Sequence[Shape], generator: torch.Generator) -> list[Tensor]:
        """For each rectifier, bottom first, (count, *shape) of 0 and 1."""
        ...

    def reordered(self, alignment: Alignment) -> Masks:
        """Those of the aligned module."""
        ...


@dataclass(frozen=True)
class Chances:
    """Masks of units that pass each by itself.

    Attributes:
        passes: One probability, or for each rectifier those of its units.
    """

    passes: float | list[Tensor]

    def draw(self, count: int, shapes: Sequence[Shape], generator: torch.Generator) -> list[Tensor]:
        """See `draw_masks`."""
        return draw_masks(count, shapes, self.passes, generator)

    def reordered(self, alignment: Alignment) -> Chances:
        """A single probability stays as it is."""
        return Chances(alignment.reordered(self.passes)) if isinstance(self.passes, list) else self


@dataclass(frozen=True)
class Seen:
    """The masks of single features.

    Attributes:
        active: Which units were active, for each rectifier, bottom first: bool (features, *shape).
    """

    active: list[Tensor]

    @classmethod
    def of(cls, module: GraphModule, features: Tensor) -> Seen:
        """What a task module does with features (batch, channels, height, width)."""
        parts: list[list[Tensor]] = []
        taken = 0
        for part in features.split(together(features, FEATURES)):
            active: list[Tensor] = []
            with torch.no_grad():
                observed(module, part, lambda units, found=active: found.append((units > 0).cpu()))
            parts.append(active)
            taken += sum(each.nbytes for each in active)
            if taken > MEMORY:
                break  # those of so many features are enough to choose from
        return cls([torch.cat(each) for each in zip(*parts, strict=True)])

    def draw(self, count: int, shapes: Sequence[Shape], generator: torch.Generator) -> list[Tensor]:
        """The masks of features that are chosen at random; their shapes are known."""
        if not self.active:
            return []
        chosen = torch.randint(len(self.active[0]), (count,), generator=generator)
        return [each[chosen].float() for each in self.active]

    def reordered(self, alignment: Alignment) -> Seen:
        """Each feature's units in the new order."""
        return Seen(alignment.reordered(self.active))
