"""The method `auto`: closed form, then what the teacher answers; it finds its settings for itself."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from legonet.distill.flops.closed_form import RIDGES
from legonet.distill.flops.refinement import (
    compared,
    descent_operations,
    held_out,
    material_operations,
    moving_expected,
    moving_operations,
    patience_expected,
    tries_expected,
)
from legonet.distill.flops.work import Work
from legonet.graph.fields import Number, Positive
from legonet.graph.method import Method
from legonet.graph.schema import Solving

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.distill.fitting.context import Context, StepCallback
    from legonet.distill.fitting.initialisation import Initialisation
    from legonet.distill.fitting.refinement import Material, Refinement

IMAGINED = 1600
LEARNING_RATE = 3e-3
SLOWER = 3  # a refinement that made things worse is done again with so many times less
TRIES = 3
EXACT = 1e-6  # disagreement at which there is nothing left to learn
DRAWS = 128
MASKS: tuple[Literal["recorded", "imagined"], ...] = ("recorded", "imagined")
PATIENCE = 3  # times as many steps without a common base
AHEAD = 8  # steps whose mean loss tells that a refinement is ahead of its start,
FORESEEN = 0.2  # once this part of it, in which its rate rises to its greatest, is done


class Auto(Method):
    """Closed form, refinement by whatever there is; the best by held-out agreement is kept."""

    name: Literal["auto"]
    steps: Positive | None = Field(
        default=None,
        description="optimiser steps of the refinement, up to four times as many with many images; default: "
        "as the size of the modules allows",
    )
    imagined: Positive | None = Field(
        default=None, description=f"features that are synthesised to learn from; default: {IMAGINED}"
    )
    learning_rate: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="of the refinement; default: the greatest that makes nothing worse"
    )
    start: Solving | None = Field(
        default=None, description="the closed form that it starts from; default: the best of several"
    )
    gradients: Annotated[Number, Field(ge=0)] | None = Field(
        default=None,
        description="of earlier versions; real gradients are matched by the method `inversion` alone",
    )

    @model_serializer(mode="wrap")
    def _what_is_set(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is found is not written."""
        data: dict[str, Any] = write(self)
        return {name: each for name, each in data.items() if each is not None}

    @property
    def features(self) -> int:
        """How many features are synthesised."""
        return IMAGINED if self.imagined is None else self.imagined

    def key_settings(self) -> dict[str, Any]:
        """Defaults are written as version 0.1 had them: what was fitted keeps its key."""
        return {"steps": 400, "imagined": 512} | self.model_dump(mode="json")

    def cost(self, work: Work) -> int:
        """The features to learn from, the starts, and the refinement, which may be done again."""
        return self._material(work) + self._starts(work) + self._descended(work)

    @property
    def tries(self) -> int:
        """How many refinements there are at most."""
        return TRIES if self.learning_rate is None else 1

    def _material(self, work: Work) -> int:
        features = work.affordable(self.features)
        return work.synthetic(features) + material_operations(work, features, self.steps)

    def _refined(self, work: Work, tries: int, patience: int | None = None) -> int:
        times = patience_expected(work, PATIENCE) if patience is None else patience
        once = descent_operations(work, self.steps, work.affordable(self.features), times)
        # Without a common base the start is so poor that the first try makes it better.
        return round((tries_expected(tries) if times == 1 else 1) * once)

    def _descended(self, work: Work) -> int:
        """The refinement, and the images that are moved for strangers."""
        return self._refined(work, self.tries) + moving_expected(work, self.steps, PATIENCE)

    def _starts(self, work: Work) -> int:
        """Those that are tried, each judged with every ridge and at its end, and so is the identity."""
        features = work.affordable(self.features)
        solved, seen = work.closed_form(DRAWS, len(RIDGES)), work.images + features
        judged = work.judged(compared(held_out(work, features), work.judged(1)))
        if not work.alike:
            return (3 if self.start is None else 1) * judged
        if self.start is None:
            tried = len(MASKS) + work.strangers  # once more with the units in order, where they are not
            starts = tried * (solved + (len(RIDGES) + 1) * judged) + 2 * judged
            return starts + seen * work.teacher * MASKS.count("imagined")
        masks = seen * work.teacher if self.start.masks == "imagined" else 0
        return work.closed_form(self.start.draws) + masks + judged

    def fit(self, context: Context) -> dict[str, float]:
        """Fit by what there is: the modules alone, statistics, images, labels.

        1. Start: the best of several closed forms and the identity.
        2. Refinement of all weights (`legonet.distill.fitting.refinement`), longer without a common base.
        3. What agrees best with the teacher on held-out features is kept, be it the start; an exact start is
           not refined.

        Returns:
            `residual` of the closed form, unless the modules differ in architecture; `disagreement` on
            held-out features of the adapter that is kept, and `disagreement at the start`, unless there is
            no feature to compare on.

        Source: legonet.
        """
        from legonet.distill.fitting.initialisation import initialise
        from legonet.distill.fitting.refinement import Refinement, gather
        from legonet.distill.synthesis.features import synthetic_features

        context.begin(lambda w: (self._material(w), self._starts(w) + self._descended(w)))
        context.tell(f"{self.features:,} features to learn from")
        context = replace(context, imagined=synthetic_features(context, self.features))
        material = gather(context, self.features, self.steps)
        if material is None:
            begin = initialise(context, self.start or Solving(), self.features)
            context.notes.append(
                f"{context.edge.path}: the output's offset is not set: neither statistics of the teacher nor "
                "images nor the network's input are known; run `legonet teacher record`, or give some images"
            )
            return {} if begin.residual is None else {"residual": begin.residual}
        refinement = Refinement(context, material)
        begin = self._begin(context, refinement)
        kept = _Kept(context, refinement)
        if kept.judged["start"] >= EXACT:
            self._refine(context, refinement, kept, begin)
        context.adapter.load_state_dict(kept.state)
        context.notes.append(_note(context, material, kept))
        quality = {} if begin.residual is None else {"residual": begin.residual}
        return quality | {
            "disagreement": kept.judged[kept.name],
            "disagreement at the start": kept.judged["start"],
        }

    def _begin(self, context: Context, refinement: Refinement) -> Initialisation:
        """Set the adapter to the best start."""
        from legonet.distill.fitting.initialisation import initialise, set_identities

        def stage(work: Work, starts: int, done: int) -> tuple[float, float]:
            each = self._starts(work) / starts
            return each, each * (starts - done - 1) + self._descended(work)

        if self.start is not None:
            context.begin(partial(stage, starts=1, done=0))
            return initialise(context, self.start, self.features)
        random, found = copy.deepcopy(context.adapter.state_dict()), []
        for masks in MASKS:
            context.begin(partial(stage, starts=len(MASKS), done=len(found)))
            context.adapter.load_state_dict(random)
            notes: list[str] = []
            begin = initialise(
                replace(context, notes=notes),
                Solving(draws=DRAWS, masks=masks),
                self.features,
                refinement.judge_start,
                aligned=not found or found[0][1].aligned,
            )
            state = copy.deepcopy(context.adapter.state_dict())
            found.append((refinement.judge_start(), begin, state, notes))
            if not begin.alike or begin.in_order:
                break
        judged, begin, state, notes = min(found, key=lambda each: each[0])
        context.notes.extend(notes)
        context.adapter.load_state_dict(state)
        if set_identities(context.adapter) and not begin.in_order and refinement.judge_start() >= judged:
            context.adapter.load_state_dict(state)
        return begin

    def _refine(self, context: Context, refinement: Refinement, kept: _Kept, begin: Initialisation) -> None:
        patience = 1 if begin.common or begin.in_order else PATIENCE
        rate = LEARNING_RATE if self.learning_rate is None else float(self.learning_rate)

        def stage(work: Work, tries: int) -> tuple[float, float]:
            once = self._refined(work, 1, patience)
            return once, self._refined(work, tries, patience) - once

        def moving(work: Work) -> tuple[float, float]:
            return moving_operations(work, self.steps, patience), self._refined(work, self.tries, patience)

        if patience > 1:
            context.begin(moving)
            context.tell("images that the teacher knows")
            refinement.learn_from_moved(self.steps, patience)
        for attempt in range(self.tries):
            context.adapter.load_state_dict(kept.states["start"])
            context.begin(partial(stage, tries=self.tries - attempt))
            last = partial(context.begin, partial(stage, tries=1))
            progress = _foreseeing(context, kept.judged["start"], last)
            refinement.refine(self.steps, rate / SLOWER**attempt, patience, progress)
            if kept.offer("refined"):
                return


class _Kept:
    """The adapter that agrees best so far, and how those before it did."""

    def __init__(self, context: Context, refinement: Refinement) -> None:
        self._context, self._refinement = context, refinement
        self.states: dict[str, dict[str, Tensor]] = {}
        self.judged: dict[str, float] = {}
        self.name = "start"
        self.offer("start")

    @property
    def state(self) -> dict[str, Tensor]:
        return self.states[self.name]

    def offer(self, name: str) -> bool:
        """Judge the adapter as it is; whether it is the best."""
        self.judged[name] = self._refinement.judge()
        self.states[name] = copy.deepcopy(self._context.adapter.state_dict())
        if self.judged[name] < self.judged[self.name]:
            self.name = name
        return self.name == name


def _foreseeing(context: Context, start: float, last: Callable[[], None]) -> StepCallback | None:
    """The context's callback, which finds out while a refinement lasts that no further one will be needed.

    Args:
        context: The fit under way.
        start: Disagreement at the start, on features that are not learned from.
        last: Called once the refinement is ahead of it.
    """
    told, losses = context.progress, deque[float](maxlen=AHEAD)
    if told is None:
        return None
    known = False

    def tell(step: int, steps: int, loss: float, doing: str = "", part: float | None = None) -> None:
        nonlocal known
        losses.append(loss)
        if not known and AHEAD < step < steps and FORESEEN * steps <= step and fmean(losses) < start:
            known = True
            last()
            context.tell("refining; no further try is needed", step / steps)  # the pace is taken anew
        told(step, steps, loss, doing, part)

    return tell


def _note(context: Context, material: Material, kept: _Kept) -> str:
    sources = []
    synthesised = sum(len(each) for each in (material.imagined, material.drawn) if each is not None)
    if synthesised:
        sources.append(f"{synthesised} synthesised features")
    if context.features is not None:
        labelled = "labelled" if material.labelled is not None else "unlabelled"
        sources.append(f"{len(context.features)} {labelled} images")
    figures = ", ".join(f"{name} {value:.3f}" for name, value in kept.judged.items())
    return (
        f"{context.edge.path}: auto keeps the {kept.name} adapter, learned from {' and '.join(sources)}: "
        f"disagreement with the teacher on {len(material.held_out)} held-out features: {figures}"
    )
