"""How often a path will decide as its teacher does on real images, said before one is seen.

Held-out features that nobody took an image for lie nearer to where the teacher changes its mind than real
ones do. So the part of them that student and teacher decide alike is too low, by about as much in all
networks:

    logit(agreement) = logit(seen) + shift ± spread

Both numbers are of fits whose real agreement was measured (docs/method.md has them, and how they were made).
Without a common base features are learned from less well, and outputs on real images differ more than they
seem to.

Source: legonet; an interval by the quantiles of what was off before, as in conformal prediction (Vovk et
    al., 2005).
"""

from __future__ import annotations

import math
from typing import NamedTuple

SHIFT, SPREAD = 0.45, 0.93  # with a common base
STRANGERS_SHIFT, STRANGERS_SPREAD = -0.7, 1.35  # without one


class Estimate(NamedTuple):
    """The part of real images that a path will decide as its teacher, with an interval that holds in 90 %."""

    agreement: float
    least: float
    most: float

    def quality(self) -> dict[str, float]:
        """As measures of a fit have it."""
        return {"agreement": self.agreement, "agreement from": self.least, "agreement to": self.most}


def estimate(seen: float, features: int, common: bool) -> Estimate:
    """Estimate the agreement on real images.

    Args:
        seen: The part of held-out features that both decide alike.
        features: How many were held out.
        common: The two task modules have a common base.
    """
    at = math.log((seen * features + 0.5) / ((1 - seen) * features + 0.5))
    shift, spread = (SHIFT, SPREAD) if common else (STRANGERS_SHIFT, STRANGERS_SPREAD)
    found = (at + shift, at + shift - spread, at + shift + spread)
    return Estimate(*(1 / (1 + math.exp(-each)) for each in found))
