"""Passes: each rewrites a program to one that gives the same outputs with less work. No torch.

`docs/compiler.md` says what each does. One that is not exact rounds: float32 outputs agree within
`TOLERANCE` of the largest output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from legonet.compile.passes.batch import batch
from legonet.compile.passes.drop import drop
from legonet.compile.passes.fold_batch_norm import fold_batch_norm
from legonet.compile.passes.fold_rescale import fold_rescale
from legonet.compile.passes.group import group
from legonet.compile.passes.in_place import in_place
from legonet.compile.passes.join import join
from legonet.compile.passes.share import share
from legonet.compile.passes.stems import stems
from legonet.compile.program import Program
from legonet.errors import SelectError
from legonet.graph.suggest import did_you_mean

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Pass:
    """One pass.

    Attributes:
        name: The name that users switch it by.
        run: Makes of a program another one; what it was given is left as it is.
        exact: Whether outputs keep their bits.
        training: Whether adapters keep weights of their own, so that they can be trained.
    """

    name: str
    run: Callable[[Program], Program]
    exact: bool
    training: bool


PASSES: dict[str, Pass] = {
    each.name: each
    for each in (
        Pass("share", share, exact=True, training=True),
        Pass("drop", drop, exact=True, training=True),
        Pass("fold-rescale", fold_rescale, exact=False, training=False),
        Pass("fold-batch-norm", fold_batch_norm, exact=False, training=True),
        Pass("join", join, exact=False, training=False),
        Pass("stems", stems, exact=True, training=True),
        Pass("group", group, exact=False, training=False),
        Pass("batch", batch, exact=False, training=True),
        Pass("in-place", in_place, exact=True, training=True),
    )
}
"""In the order that they run in."""

CHOICES = ("all", "none", "exact", "training")


def choose_passes(wanted: str | Iterable[str] = "all") -> tuple[Pass, ...]:
    """The passes of some names, in the order that they run in.

    Args:
        wanted: Names of passes, or `all`, `none`, `exact` for those that keep every bit, or `training` for
            those that leave adapters weights of their own.

    Raises:
        SelectError: There is no such pass.
    """
    if isinstance(wanted, str) and wanted in CHOICES:
        keep = {
            "all": lambda each: True,
            "none": lambda each: False,
            "exact": lambda each: each.exact,
            "training": lambda each: each.training,
        }[wanted]
        return tuple(each for each in PASSES.values() if keep(each))
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in PASSES:
            raise SelectError(
                f"passes: no pass '{name}'; expected {', '.join(CHOICES)}, or some of {', '.join(PASSES)}."
                f"{did_you_mean(name, [*PASSES, *CHOICES])}"
            )
    return tuple(each for name, each in PASSES.items() if name in names)
