"""What a fit joins, as far as its operations depend on it, and how far it is of these."""

from __future__ import annotations

from contextlib import suppress

from legonet.distill.alignment import in_one_order
from legonet.distill.fitting.context import Edge, StepCallback
from legonet.distill.flops.fit import Joined, closing_operations, fit_operations, work_of
from legonet.distill.flops.meter import Meter
from legonet.distill.flops.stitching import descent_operations, stitching_operations
from legonet.distill.flops.work import Work
from legonet.graph.schema import Adapter
from legonet.ir.interpreter import GraphModule
from legonet.ir.sizes import Size, size_of

Given = tuple[int, bool]  # images, and whether they have labels


def joined(edge: Edge, own: GraphModule | None = None, same: bool = False) -> Joined:
    """What an edge's adapter is fitted between.

    Args:
        edge: Its `category_module` is f.
        own: The module under g_T, where it is not f.
        same: g_T is g_S.
    """
    image = None if edge.input is None else edge.input.shape
    f, below = (
        Size(0, edge.source) if image is None else size_of(each.graph, image)
        for each in (edge.category_module, own or edge.category_module)
    )
    student = size_of(edge.task_module.graph, edge.target)
    teacher = size_of(edge.teacher_module.graph, below.gives)
    recorded, own_size = edge.statistics is not None, None if own is None else below
    apart = student.rectified == teacher.rectified and not in_one_order(edge.teacher_module, edge.task_module)
    return Joined(f, student, teacher, edge.target, own_size, same, recorded, edge.taken, apart)


def metered_fit(edge: Edge, spec: Adapter, given: Given, whole: bool) -> tuple[Work | None, Meter]:
    """The parts of a fit, and what follows it through them; neither where they cannot be counted."""
    with suppress(Exception):  # no estimate is worth the loss of a fit
        work = work_of(joined(edge), spec, *given)
        closing = closing_operations(work, spec.settings) if whole else 0
        return work, Meter(spec.settings.cost(work) + closing, closing)
    return None, Meter()


def metered_stitching(
    edge: Edge, own: GraphModule, spec: Adapter, given: Given, same: bool
) -> tuple[Meter, Meter, Meter]:
    """What follows the matching at the image until its steps, in those of the bridge, and in those after."""
    with suppress(Exception):
        both = joined(edge, own, same)
        whole, work = fit_operations(both, spec, *given), work_of(both, spec, *given)
        learned, refined = descent_operations(work, both.category_module)
        before, within, after = Meter(whole), Meter(whole), Meter(whole)
        rest = learned + refined
        before.begin(stitching_operations(work, both.category_module) - rest, rest)
        within.begin(learned, refined)
        after.begin(refined)
        return before, within, after
    return Meter(), Meter(), Meter()


def metered(progress: StepCallback | None, meter: Meter) -> StepCallback | None:
    """The same callback, told at each step how much of the fit is done."""
    if progress is None:
        return None

    def tell(step: int, steps: int, loss: float, doing: str = "", part: float | None = None) -> None:
        progress(step, steps, loss, doing, meter.part(step / steps) if steps else part)

    return tell


def scaled(progress: StepCallback, share: float | None) -> StepCallback:
    """The same callback for a fit that is only a share of the whole; None: of what share is not known."""

    def tell(step: int, steps: int, loss: float, doing: str = "", part: float | None = None) -> None:
        progress(step, steps, loss, doing, None if part is None or share is None else share * part)

    return tell
