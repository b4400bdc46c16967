"""The method `closed-form`: least squares for the weights, then a short matching of outputs."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from legonet.distill.context import Context
from legonet.distill.draws import draw_gradient, draw_masks
from legonet.distill.least_squares import Draw, solve_adapter
from legonet.distill.matching import match_outputs
from legonet.distill.pullback import Pullback, expect_alike
from legonet.graph.schema import ClosedForm

SYNTHESISED = 256  # features drawn from the statistics for output matching


def fit_closed_form(context: Context, settings: ClosedForm) -> dict[str, float]:
    """Set the adapter to the closed form; see `legonet.distill.least_squares` for the formula.

    Needs no image. Where the teacher's owner recorded statistics, the masks let each unit pass as often
    as it was active, and outputs are matched on synthesised features.

    Returns:
        `residual`, ‖D'_S − D'_T‖ / ‖D'_T‖ on fresh draws, and, if outputs were matched, `mismatch`:
        smooth L1 of the outputs on held-out features, in units of the teacher's spread.
    """
    quality = {"residual": _solve(context, settings)}
    if not settings.matching:
        return quality
    known = context.known_features(SYNTHESISED)
    if known is None:
        context.notes.append(
            f"{context.edge.path}: the output's offset is not set: the teacher has no statistics and no "
            "image was given; run `legonet teacher record`, or give some images"
        )
        return quality
    return quality | {"mismatch": match_outputs(context, known, settings.matching)}


def _solve(context: Context, settings: ClosedForm) -> float:
    """Solve in float64, so that the residual shows the modules' difference and not rounding."""
    student = Pullback(copy.deepcopy(context.student).double(), context.edge.target)
    teacher = Pullback(copy.deepcopy(context.teacher).double(), context.edge.source)
    expect_alike(student, teacher, context.edge.path)
    passes = _passes(context, settings)

    def draw(count: int) -> Draw:
        gradient = draw_gradient(count, student.output_shape, "uniform", context.generator, torch.float64)
        masks = draw_masks(count, student.relu_shapes, passes, context.generator, dtype=torch.float64)
        return Draw(gradient.to(context.device), [mask.to(context.device) for mask in masks])

    exact = copy.deepcopy(context.adapter).double()
    residual = solve_adapter(exact, student, teacher, draw, settings.draws, settings.ridge)
    context.adapter.load_state_dict(exact.state_dict())
    return residual


def _passes(context: Context, settings: ClosedForm) -> float | list[Tensor]:
    """How often each unit passes: as often as it was active, or with one probability."""
    if settings.masks == "random":
        return float(settings.keep)
    if context.edge.statistics is None:
        context.notes.append(
            f"{context.edge.path}: masks are drawn with keep = {settings.keep}: the teacher has no "
            "statistics; run `legonet teacher record`"
        )
        return float(settings.keep)
    return context.edge.statistics.activity
