"""The method `auto`: closed form, calibration, refinement; what agrees best with the teacher is kept."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from legonet.distill.flops.refinement import refinement_operations
from legonet.distill.flops.work import Work
from legonet.graph.fields import Number, Positive
from legonet.graph.method import Method
from legonet.graph.schema import Solving

if TYPE_CHECKING:
    from legonet.distill.fitting.context import Context
    from legonet.distill.fitting.refinement import Material

LEARNING_RATE = 3e-3  # of the refinement
EXACT = 1e-6  # disagreement at which there is nothing left to learn


class Auto(Method):
    """Closed form, calibration, refinement by whatever there is; the best by held-out agreement is kept."""

    name: Literal["auto"]
    steps: Positive = Field(
        default=400,
        description="optimiser steps of the refinement; up to four times as many with many images",
    )
    imagined: Positive = Field(default=512, description="features that are synthesised to learn from")
    learning_rate: Annotated[Number, Field(gt=0)] = Field(
        default=LEARNING_RATE, description="of the refinement; deep task modules need a smaller one"
    )
    start: Solving = Field(default_factory=Solving, description="the closed form that it starts from")
    gradients: Annotated[Number, Field(ge=0)] = Field(
        default=1.0,
        description="without a common base: weight of the real gradients' mismatch beside the outputs'; "
        "with 0 a step has four times as many features instead",
    )

    @model_serializer(mode="wrap")
    def _without_later_settings(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Settings that came later are written where they are set: what was fitted before keeps its key."""
        data: dict[str, Any] = write(self)
        for name, usual in (("learning_rate", LEARNING_RATE), ("start", Solving()), ("gradients", 1.0)):
            if getattr(self, name) == usual:
                data.pop(name, None)
        return data

    def cost(self, work: Work) -> int:
        """The start, the features to learn from, and the refinement."""
        known = work.closed_form(self.start.draws) + work.synthetic(self.imagined)
        return known + refinement_operations(work, self.steps)

    def fit(self, context: Context) -> dict[str, float]:
        """Fit by what there is: the modules alone, statistics, images, labels.

        1. Start: the closed form, or what needs no common base (`legonet.distill.fitting.initialisation`).
        2. Calibration: the adapter's biases, so that the output has the teacher's offset.
        3. Refinement of all weights; both by `legonet.distill.fitting.refinement`, which has the loss.
        4. What agrees best with the teacher on held-out features is kept, be it the start; an exact start is
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

        if self.start.masks == "imagined":  # the start and what follows see the same features
            context = replace(context, imagined=synthetic_features(context, self.imagined))
        begin = initialise(context, self.start, self.imagined)
        quality = {} if begin.residual is None else {"residual": begin.residual}
        material = gather(context, self.imagined)
        if material is None:
            context.notes.append(
                f"{context.edge.path}: the output's offset is not set: neither statistics of the teacher nor "
                "images nor the network's input are known; run `legonet teacher record`, or give some images"
            )
            return quality
        refinement = Refinement(context, material, begin)
        agreement = {"start": refinement.judge()}
        kept, best = copy.deepcopy(context.adapter.state_dict()), "start"
        for name, step in (
            ("calibrated", refinement.calibrate),
            ("refined", lambda: refinement.refine(self.steps, self.learning_rate, float(self.gradients))),
        ):
            if agreement[best] < EXACT:
                break
            step()
            agreement[name] = refinement.judge()
            if agreement[name] < agreement[best]:
                kept, best = copy.deepcopy(context.adapter.state_dict()), name
        context.adapter.load_state_dict(kept)
        context.notes.append(_note(context, material, agreement, best))
        return quality | {"disagreement": agreement[best], "disagreement at the start": agreement["start"]}


def _note(context: Context, material: Material, agreement: dict[str, float], best: str) -> str:
    sources = []
    if material.imagined is not None:
        sources.append(f"{len(material.imagined)} synthesised features")
    if context.features is not None:
        labelled = "labelled" if material.labelled is not None else "unlabelled"
        sources.append(f"{len(context.features)} {labelled} images")
    figures = ", ".join(f"{name} {value:.3f}" for name, value in agreement.items())
    return (
        f"{context.edge.path}: auto keeps the {best} adapter, learned from {' and '.join(sources)}: "
        f"disagreement with the teacher on {len(material.held_out)} held-out features: {figures}"
    )
