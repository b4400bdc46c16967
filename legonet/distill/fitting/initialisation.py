"""Where a fit starts: the closed form, if the two task modules have a common base; if not, what needs none.

1. Solve with the units of g_T as they are.
2. Where the residual says that unit i of g_S and unit i of g_T do not mean the same, put the units of
   g_T in the order of g_S's (`legonet.distill.alignment`) and solve again.
3. Where that does not help either, or the two differ in architecture, there is no common base: the adapter
   has to learn from outputs alone (`legonet.distill.fitting.output_distillation`). The closed form is no
   better a start for that than a random one, and no worse.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch

from legonet.distill.alignment import align
from legonet.distill.fitting.context import Context
from legonet.distill.least_squares import Draw, Excess, Solution, solve_adapter
from legonet.distill.masks import Chances, Masks, Seen
from legonet.distill.pullback import Pullback, alike, expect_same_output
from legonet.distill.synthesis.features import synthetic_features
from legonet.distill.synthesis.sampling import draw_gradient
from legonet.graph.schema import Solving

# Residuals of task modules from one base are 0.1 to 0.5, of strangers 0.9 to 1.1 (docs/method.md).
STRANGERS = 0.8


@dataclass(frozen=True)
class Initialisation:
    """Where the adapter stands now.

    Attributes:
        residual: ‖D'_S − D'_T‖ / ‖D'_T‖ on fresh draws; None where g_S and g_T differ in architecture.
        aligned: The units of g_T were reordered for it.
        common: g_S and g_T have a common base.
        excess: How much worse than the closed form the adapter's pseudo-gradients are; None without a common
            base.
    """

    residual: float | None
    aligned: bool = False
    common: bool = True
    excess: Excess | None = None


def initialise(context: Context, settings: Solving, imagined: int) -> Initialisation:
    """Set the context's adapter to the closed form, and note what people should know.

    Where g_S and g_T differ in architecture, it stays in its random start.

    Args:
        context: The fit under way; its adapter is in its random start.
        settings: Of the closed form.
        imagined: Features to synthesise where masks are found on such.

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
        return Initialisation(None, common=False)
    masks = _masks(context, settings, imagined)
    solved = _solve(context, *pair, masks, settings)
    found = Initialisation(solved.residual, excess=solved.excess)
    if solved.residual > STRANGERS:
        found = _align(context, pair[0], solved.residual, masks, settings)
    if found.aligned:
        context.notes.append(
            f"{path}: the teacher's hidden units were reordered to match the generic module's"
        )
    if not found.common:
        context.notes.append(
            f"{path}: no common base: residual {found.residual:.2f}, expected less than {STRANGERS}; the "
            "generic task module and the teacher's were not fine-tuned from one network; the adapter learns "
            "from outputs alone, which takes longer and needs images to be good"
        )
    return found


def _align(
    context: Context,
    student: Pullback,
    residual: float,
    masks: Masks,
    settings: Solving,
) -> Initialisation:
    """Solve again with aligned units; the adapter keeps the better of the two solutions."""
    before = copy.deepcopy(context.adapter.state_dict())
    alignment = align(context.teacher, context.student, context.edge.source)
    if alignment is not None:
        aligned = Pullback(alignment.module, context.edge.source)
        again = _solve(context, student, aligned, masks.reordered(alignment), settings)
        if again.residual < residual:
            common = again.residual <= STRANGERS
            return Initialisation(again.residual, common, common, again.excess if common else None)
    context.adapter.load_state_dict(before)
    return Initialisation(residual, common=False)


def _solve(
    context: Context,
    student: Pullback,
    teacher: Pullback,
    masks: Masks,
    settings: Solving,
) -> Solution:
    """Solve; pseudo-gradients are in the modules' own precision, their sums and the solution in float64."""

    def draw(count: int) -> Draw:
        gradient = draw_gradient(count, student.output_shape, "uniform", context.generator)
        drawn = masks.draw(count, student.relu_shapes, context.generator)
        return Draw(gradient.to(context.device), [mask.to(context.device) for mask in drawn])

    return solve_adapter(context.adapter, student, teacher, draw, settings.draws, settings.ridge)


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
