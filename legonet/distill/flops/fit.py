"""Of a whole fit."""

from __future__ import annotations

from typing import NamedTuple

from legonet.blocks.adapter_layers import adapter_layers
from legonet.distill.flops.stitching import stitching_operations
from legonet.distill.flops.work import Work
from legonet.graph.schema import Adapter
from legonet.ir.sizes import Shape, Size


class Joined(NamedTuple):
    """What an adapter is fitted between, as far as its operations depend on it.

    Attributes:
        category_module: f, of one image.
        task_module: g_S, of one feature that it takes.
        teacher_module: g_T, likewise.
        target: shape of the features that g_S takes.
        own: f', the category module under g_T, where it is not f: the two are matched at the image.
        same: g_T is g_S, so that nothing stands above that match.
        statistics: the teacher's owner recorded them.
    """

    category_module: Size
    task_module: Size
    teacher_module: Size
    target: Shape
    own: Size | None = None
    same: bool = False
    statistics: bool = False


def fit_operations(joined: Joined, spec: Adapter, images: int = 0, labelled: bool = False) -> int:
    """About how many operations the fit of an adapter takes.

    Args:
        joined: between which it is fitted.
        spec: its shape, its method and settings.
        images: how many are given.
        labelled: whether with labels.

    Raises:
        BlockError: no adapter joins the two.
    """
    below = joined.own or joined.category_module
    none = joined.own is not None and joined.same
    work = Work(
        below,
        joined.task_module,
        joined.teacher_module,
        {} if none else adapter_layers(spec, below.gives, joined.target),
        images,
        labelled,
        joined.statistics,
    )
    fitted = 0 if none else spec.settings.cost(work)
    return fitted if joined.own is None else fitted + stitching_operations(work, joined.category_module)
