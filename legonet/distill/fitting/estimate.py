"""How often a path will decide as its teacher does on real images, said before one is seen.

Fresh synthetic features show how far y_S is from y_T, but the teacher is less sure of them than of real
images. Where each output decides by its sign, y_T is taken as its owner recorded it, and its error from the
features on which the teacher answers about as much:

    seen = E_y P[ sign(y + e) = sign(y) ],    y as recorded,  e = y_S - y_T  of features with y_T near y
    logit(agreement) = logit(seen) + shift ± spread

Of other kinds, *seen* is the part of the features that both decide alike. Shift and spread are of fits whose
real agreement was measured (docs/method.md has them, and how they were made). Given images that the method
did not learn from are worth more: they are counted, and Bayes' rule joins both.

Source: legonet; the error by nearness is Nadaraya and Watson's kernel regression (1964).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from legonet.distill.fitting.context import Context, Edge, outputs_of
from legonet.distill.fitting.losses import output_scale
from legonet.distill.flops.work import ESTIMATED
from legonet.distill.synthesis.features import synthesise_features
from legonet.teachers.statistics import levels, quantiles_of_outputs

SEED = 991  # of these: they are none of those that a fit learns from
ENOUGH = 40  # given images whose outputs show their distribution, where none is recorded
VALUES = 4096  # of an output, that errors are taken from
LEVELS = 201  # of the recorded distribution, at which the decision is asked for
NEAR = 0.15  # of the standard deviation: how near y_T is to y
_TAIL = 0.05  # on each side of the interval
_GRID = [step / 50 - 10 for step in range(1001)]  # in units of the spread
_FREEDOM = 4  # of Student's t: some fits are far off, and images may say so


class Known(NamedTuple):
    """By how much real agreement differs from what is seen: middle and scale of Student's t, in logits."""

    shift: float
    spread: float


RECORDED = Known(-0.2, 0.28)
APART = Known(-0.85, 0.35)  # recorded, but the two task modules have no common base
UNRECORDED = Known(0.2, 0.55)
FEWER = 25  # images: of so few that are recorded, agreement is a logit lower than of many


class Estimate(NamedTuple):
    """The part of real images that a path will decide as its teacher, with an interval that holds in 90 %."""

    agreement: float
    least: float
    most: float

    def quality(self) -> dict[str, float]:
        """As measures of a fit have it."""
        return {"agreement": self.agreement, "agreement from": self.least, "agreement to": self.most}


def expect(context: Context, common: bool) -> Estimate | None:
    """Estimate how often the context's adapter, as it is, lets the path decide as its teacher.

    Args:
        context: A fit that has come to its end.
        common: The two task modules have a common base.

    Returns:
        None where there is nothing to compare on: neither statistics, nor f's input, nor an image that was
        not learned from.
    """
    features = synthesise_features(context.edge, ESTIMATED, SEED, context.device)
    spared = [_alike(context.edge, *_outputs(context, each)) for each in context.unseen]
    alike = torch.cat(spared) if spared else torch.zeros(0)
    if features is None:
        return estimate(0.5, 0, UNRECORDED, float(alike.sum()), len(alike)) if len(alike) else None
    given, answers = context.features, None
    if given is not None and len(given) >= ENOUGH and _recorded(context.edge) is None:
        answers = outputs_of(context.teacher, given).cpu()
    return expect_of(context.edge, *_outputs(context, features), common, alike, answers)


def expect_of(
    edge: Edge,
    wanted: Tensor,
    found: Tensor,
    common: bool,
    alike: Tensor | None = None,
    answers: Tensor | None = None,
) -> Estimate:
    """Estimate the agreement on real images from outputs on synthetic ones.

    Args:
        edge: What is known of the teacher.
        wanted: Its outputs, (batch, outputs, …).
        found: The path's, of the same shape.
        common: The two task modules have a common base.
        alike: How far real images that were not learned from are decided alike, in [0, 1], (images,).
        answers: The teacher's outputs on real images, which stand for the recorded ones where none are.
    """
    quantiles, right = _quantiles(edge, answers), torch.zeros(0) if alike is None else alike
    if quantiles is None:
        seen, known = float(_alike(edge, wanted, found).mean()), UNRECORDED
    else:
        seen, known = as_recorded(found, wanted, quantiles), RECORDED if common else APART
        if edge.statistics is not None:
            known = known._replace(shift=known.shift - FEWER / edge.statistics.images)
    return estimate(seen, len(wanted), known, float(right.sum()), len(right))


def estimate(seen: float, features: int, known: Known, alike: float = 0.0, unseen: int = 0) -> Estimate:
    """Estimate the agreement on real images.

    Args:
        seen: The part of synthetic features that both decide alike.
        features: How many there are; of fewer than usual less is known.
        known: How real agreement differs from that.
        alike: How many images that were not learned from both decide alike.
        unseen: How many there are.
    """
    right, wrong = seen * features + 0.5, (1 - seen) * features + 0.5
    middle = math.log(right / wrong) + known.shift
    spread = known.spread * math.sqrt(max(1.0, ESTIMATED / max(1, features)))
    places = [middle + spread * step for step in _GRID]
    chances = [
        -(_FREEDOM + 1) / 2 * math.log1p(step * step / _FREEDOM)
        + alike * _log_sigmoid(at)
        + (unseen - alike) * _log_sigmoid(-at)
        for step, at in zip(_GRID, places, strict=True)
    ]
    most = max(chances)
    weights = [math.exp(each - most) for each in chances]
    return Estimate(
        *(1 / (1 + math.exp(-_quantile(places, weights, part))) for part in (0.5, _TAIL, 1 - _TAIL))
    )


def as_recorded(student: Tensor, teacher: Tensor, quantiles: Tensor) -> float:
    """How often signs agree, were the teacher's outputs distributed as recorded.

    Args:
        student: Its outputs on some features, (batch, outputs, …).
        teacher: The teacher's, of the same shape.
        quantiles: Of each output at `legonet.teachers.statistics.levels`, (outputs, number).
    """
    parts = []
    for found, wanted, known in zip(student.unbind(1), teacher.unbind(1), quantiles, strict=True):
        step = -(-wanted.numel() // VALUES)
        errors, near = (found - wanted).flatten()[::step], wanted.flatten()[::step]
        values = _at_even_levels(known).to(near)[:, None]
        weights = -((values - near) / (NEAR * near.std().clamp_min(1e-12))).square() / 2
        same = ((values + errors > 0) == (values > 0)) | (values == 0)  # which decides nothing
        parts.append(float((weights.softmax(1) * same.to(near)).sum(1).mean()))
    return sum(parts) / len(parts)


def _at_even_levels(quantiles: Tensor) -> Tensor:
    known, wanted = levels(len(quantiles)), (torch.arange(LEVELS) + 0.5) / LEVELS
    above = torch.bucketize(wanted, known).clamp(1, len(known) - 1)
    part = (wanted - known[above - 1]) / (known[above] - known[above - 1])
    return torch.lerp(quantiles[above - 1].float(), quantiles[above].float(), part)


def _outputs(context: Context, features: Tensor) -> tuple[Tensor, Tensor]:
    """The teacher's and the student's, on the CPU."""
    student = nn.Sequential(context.adapter, context.student)
    return outputs_of(context.teacher, features).cpu(), outputs_of(student, features).cpu()


def _alike(edge: Edge, wanted: Tensor, found: Tensor) -> Tensor:
    """How far both decide alike on each feature, in [0, 1]."""
    return edge.meaning.agreement(found, wanted, output_scale(wanted)).float()


def _recorded(edge: Edge) -> Tensor | None:
    """The quantiles of the teacher's outputs, where its owner recorded them."""
    known = edge.statistics
    return None if known is None or not len(known.output_quantiles) else known.output_quantiles


def _quantiles(edge: Edge, answers: Tensor | None) -> Tensor | None:
    """Of the teacher's outputs on real images, where each decides by its sign, and to both sides."""
    if not edge.meaning.by_sign:
        return None
    found = _recorded(edge)
    if found is None and answers is not None:
        found = quantiles_of_outputs(answers)
    return None if found is None or edge.meaning.one_sided(found.tolist()) is not None else found


def _quantile(places: list[float], weights: list[float], part: float) -> float:
    reached, whole = 0.0, sum(weights)
    for place, weight in zip(places, weights, strict=True):
        reached += weight
        if reached >= part * whole:
            return place
    return places[-1]


def _log_sigmoid(value: float) -> float:
    return -math.log1p(math.exp(-value))
