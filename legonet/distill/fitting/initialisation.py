"""Where a fit starts: the closed form, if the two task modules have a common base; if not, what needs none.

1. Solve with the units of g_T as they are.
2. Where the residual says that unit i of g_S and unit i of g_T do not mean the same, put the units of
   g_T in the order of g_S's (`legonet.distill.alignment`) and solve again.
3. Where that does not help either, or the two differ in architecture, there is no common base: the adapter
   has to learn from outputs alone (`legonet.distill.fitting.refinement`).
4. In a deep task module pseudo-gradients may have little in common though the weights are alike. Nothing is
   reordered then; the identity is the better start.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch

from legonet.blocks.adapter import convolutions, set_identity
from legonet.distill.alignment import align, in_one_order
from legonet.distill.fitting.context import Context
from legonet.distill.flops.closed_form import RIDGES
from legonet.distill.least_squares import Draw, Solution, solve_adapter
from legonet.distill.masks import Chances, Masks, Seen
from legonet.distill.pullback import Pullback, alike, expect_same_output
from legonet.distill.synthesis.features import synthetic_features
from legonet.distill.synthesis.sampling import draw_gradient
from legonet.graph.schema import Solving
from legonet.ir.interpreter import GraphModule

# Residuals of task modules from one base are 0.1 to 0.5, of strangers 0.9 to 1.1 (docs/method.md).
STRANGERS = 0.8

Judge = Callable[[], float]


@dataclass(frozen=True)
class Initialisation:
    """Where the adapter stands now.

    Attributes:
        residual: ‖D'_S − D'_T‖ / ‖D'_T‖ on fresh draws; None where g_S and g_T differ in architecture.
        aligned: The units of g_T were reordered for it.
        common: g_S and g_T have a common base.
        alike: They are of one architecture.
        in_order: Without a common base by the residual, their units correspond all the same.
    """

    residual: float | None
    aligned: bool = False
    common: bool = True
    alike: bool = True
    in_order: bool = False


def initialise(
    context: Context,
    settings: Solving,
    imagined: int,
    judge: Judge | None = None,
    aligned: bool = True,
) -> Initialisation:
    """Set the context's adapter to the closed form, and note what people should know.

    Where g_S and g_T differ in architecture, it stays in its random start.

    Args:
        context: The fit under way; its adapter is in its random start.
        settings: Of the closed form.
        imagined: Features to synthesise where masks are found on such.
        judge: Measures the adapter as it is, less is better; with it, the ridge is chosen among `RIDGES`.
        aligned: Try with aligned units where the residual asks for it.

    Raises:
        DistillError: The outputs of g_S and g_T differ in shape.
    """
    path = context.edge.path
    pair = (
        Pullback(context.student, context.edge.target),
        Pullback(context.teacher, context.edge.source),
    )
    expect_same_output(*pair, path)
    if not alike(*pair):
        context.notes.append(
            f"{path}: no common base: the generic task module and the teacher's differ in architecture; "
            "the adapter learns from outputs alone, which takes longer and needs images to be good"
        )
        return Initialisation(None, common=False, alike=False)
    masks = _masks(context, settings, imagined)
    solved = _solve(context, *pair, masks, settings, judge)
    found = Initialisation(solved.residual)
    if solved.residual > STRANGERS:
        in_order = in_one_order(context.teacher, context.student)
        found = Initialisation(solved.residual, common=False, in_order=in_order)
    if not found.common and not found.in_order and aligned:
        found = _align(context, pair[0], solved.residual, masks, settings, judge)
    if found.aligned:
        context.notes.append(
            f"{path}: the teacher's hidden units were reordered to match the generic module's"
        )
    if found.in_order:
        context.notes.append(
            f"{path}: pseudo-gradients of the two task modules have little in common (residual "
            f"{found.residual:.2f}, expected less than {STRANGERS}), though their weights are alike; the "
            "adapter learns mostly from outputs"
        )
    elif not found.common:
        context.notes.append(
            f"{path}: no common base: residual {found.residual:.2f}, expected less than {STRANGERS}; the "
            "generic task module and the teacher's were not fine-tuned from one network, so that the adapter "
            "learns mostly from outputs"
        )
    return found


def set_identities(adapter: GraphModule) -> bool:
    """Let an adapter pass its features as they are; False, and no change, where channels differ in number."""
    found = convolutions(adapter)
    if any(each.weight.shape[0] != each.weight.shape[1] for each in found):
        return False
    for each in found:
        set_identity(each)
    return True


def _align(
    context: Context,
    student: Pullback,
    residual: float,
    masks: Masks,
    settings: Solving,
    judge: Judge | None,
) -> Initialisation:
    """Solve again with aligned units; the adapter keeps the better of the two solutions."""
    before = copy.deepcopy(context.adapter.state_dict())
    alignment = align(context.teacher, context.student, context.edge.source)
    if alignment is not None:
        aligned = Pullback(alignment.module, context.edge.source)
        again = _solve(context, student, aligned, masks.reordered(alignment), settings, judge)
        if again.residual < residual:
            common = again.residual <= STRANGERS
            return Initialisation(again.residual, common, common)
    context.adapter.load_state_dict(before)
    return Initialisation(residual, common=False)


def _solve(
    context: Context,
    student: Pullback,
    teacher: Pullback,
    masks: Masks,
    settings: Solving,
    judge: Judge | None,
) -> Solution:
    """Solve; pseudo-gradients are in the modules' own precision, their sums and the solution in float64."""
    drawn_before = 0

    def draw(count: int) -> Draw:
        nonlocal drawn_before
        if drawn_before < settings.draws:
            within = drawn_before / settings.draws
            context.tell(f"closed form, {drawn_before} of {settings.draws} draws", within)
        drawn_before += count
        gradient = draw_gradient(count, student.output_shape, "uniform", context.generator)
        drawn = masks.draw(count, student.relu_shapes, context.generator)
        return Draw(gradient.to(context.device), [mask.to(context.device) for mask in drawn])

    ridges = (settings.ridge,) if judge is None else RIDGES
    return solve_adapter(context.adapter, student, teacher, draw, settings.draws, ridges, judge)


def _masks(context: Context, settings: Solving, imagined: int) -> Masks:
    """How units pass: together as in g_T, as often as each was active, or with one probability."""
    if settings.masks == "imagined":
        parts = (synthetic_features(context, imagined), context.features)
        known = [each for each in parts if each is not None]
        if known:
            return Seen.of(context.teacher, torch.cat(known))
    if settings.masks == "random":
        return Chances(float(settings.keep))
    if context.edge.statistics is None:
        context.notes.append(
            f"{context.edge.path}: which units pass is drawn at random (keep = {settings.keep}): the "
            "teacher has no statistics; run `legonet teacher record`"
        )
        return Chances(float(settings.keep))
    return Chances(context.edge.statistics.activity)
