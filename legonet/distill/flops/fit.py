"""Of a whole fit."""

from __future__ import annotations

from typing import NamedTuple

from legonet.blocks.adapter_layers import adapter_chains
from legonet.distill.flops.stitching import stitching_operations
from legonet.distill.flops.work import Work
from legonet.graph.method import Method
from legonet.graph.output import Maps
from legonet.graph.schema import Adapter
from legonet.ir.sizes import Shape, Size


class Joined(NamedTuple):
    """What an adapter is fitted between, as far as its operations depend on it.

    Attributes:
        category_module: f, of one image.
        task_module: g_S, of one feature that it takes.
        teacher_module: g_T, likewise.
        target: Shape of the features that g_S takes.
        own: f', the category module under g_T, where it is not f: the two are matched at the image.
        same: g_T is g_S, so that nothing stands above that match.
        statistics: The teacher's owner recorded them.
        taken: The maps in the row that g_S takes, if it takes several.
        strangers: g_S and g_T are of one architecture, and their weights are not alike.
    """

    category_module: Size
    task_module: Size
    teacher_module: Size
    target: Shape
    own: Size | None = None
    same: bool = False
    statistics: bool = False
    taken: Maps = ()
    strangers: bool = False


def work_of(joined: Joined, spec: Adapter, images: int = 0, labelled: bool = False) -> Work:
    """What the fit above a bridge, or without one, has to work with; see `fit_operations`."""
    below = joined.own or joined.category_module
    none = joined.own is not None and joined.same
    chains = [] if none else adapter_chains(spec, below.parts, joined.taken or (joined.target,))
    return Work(
        below,
        joined.task_module,
        joined.teacher_module,
        tuple(zip(chains, below.parts, strict=False)),
        images,
        labelled,
        joined.statistics,
        joined.strangers,
    )


def closing_operations(work: Work, method: Method) -> int:
    """Of what ends a fit by any method: the agreement with the teacher is estimated, where there is one."""
    return work.estimated() if method.needs_teacher else 0


def fit_operations(joined: Joined, spec: Adapter, images: int = 0, labelled: bool = False) -> int:
    """About how many operations the fit of an adapter takes.

    Args:
        joined: Between which it is fitted.
        spec: Its shape, its method and settings.
        images: How many are given.
        labelled: Whether with labels.

    Raises:
        BlockError: No adapter joins the two.
    """
    none = joined.own is not None and joined.same
    work = work_of(joined, spec, images, labelled)
    fitted = 0 if none else spec.settings.cost(work)
    if joined.own is None:
        return fitted + closing_operations(work, spec.settings)
    return fitted + stitching_operations(work, joined.category_module)
