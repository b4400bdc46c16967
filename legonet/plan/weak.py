"""Paths that were fitted and yet are expected to decide unlike their teacher too often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from legonet.plan.inputs import NO_SAMPLES, NO_STATISTICS

if TYPE_CHECKING:
    from legonet.graph.lock import Lock

WEAK = 0.9  # an agreement below which a path is called weak
_STATISTICS = "statistics of the teacher"
_IMAGES = "ten images of the category"
_ADAPTER = "an adapter with a larger kernel or more layers, or another cut"


class Weak(NamedTuple):
    """A weak path.

    Attributes:
        path: The path.
        agreement: The part of images that it is expected to decide as its teacher does.
        least: The lower end of the interval that holds in 90 % of fits.
        most: The upper end.
        help: What would help most.
    """

    path: str
    agreement: float
    least: float
    most: float
    help: str

    def __str__(self) -> str:
        return (
            f"{self.path}: a weak path: expected to decide as its teacher on {self.agreement:.0%} of images ("
            f"{self.least:.0%} to {self.most:.0%}); most help would be {self.help}"
        )


def is_weak(quality: Mapping[str, float]) -> bool:
    """Whether a fit's own measures call its path weak."""
    return quality.get("agreement", 1.0) < WEAK


def weak(path: str, quality: Mapping[str, float], *, statistics: bool, images: bool) -> Weak | None:
    """Say what is to be expected of a weak path; None: it is not weak, or nothing is known.

    Args:
        path: The path.
        quality: What its fit measured.
        statistics: Whether its teacher has statistics.
        images: Whether it was fitted with ten images or more.
    """
    if not is_weak(quality):
        return None
    seen = quality["agreement"]
    advice = _STATISTICS if not statistics else _ADAPTER if images else _IMAGES
    return Weak(path, seen, quality.get("agreement from", seen), quality.get("agreement to", seen), advice)


def weak_paths(lock: Lock, paths: Iterable[str]) -> tuple[Weak, ...]:
    """The weak ones of some paths that are fitted, as the lock file has them."""
    found = []
    for path in paths:
        locked = lock.adapters.get(path)
        if locked is not None and is_weak(locked.quality):
            statistics = locked.inputs.get("statistics", NO_STATISTICS) != NO_STATISTICS
            images = locked.inputs.get("samples", NO_SAMPLES) != NO_SAMPLES
            found.append(weak(path, locked.quality, statistics=statistics, images=images))
    return tuple(each for each in found if each is not None)
