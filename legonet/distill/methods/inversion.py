"""The method `inversion`: values and Jacobians matched on images synthesised from the teacher."""

from __future__ import annotations

import dataclasses

import torch

from legonet.distill.context import Context
from legonet.distill.imagine import inverted_features
from legonet.distill.methods.on_samples import fit_jacobian
from legonet.errors import DistillError
from legonet.graph.schema import Inversion, Jacobian


def fit_inversion(context: Context, settings: Inversion) -> dict[str, float]:
    """Synthesise images from the teacher, then match outputs and real gradients on them; no image is needed.

    Images that are given are used beside them, without labels. See `legonet.distill.inversion` for how images
    are made and `fit_jacobian` for the loss.

    Returns:
        `loss`: its mean over the last tenth of the steps.

    Raises:
        DistillError: the images that f takes are not known.

    Source: Yin et al., arXiv:1912.08795 (inversion); Srinivas and Fleuret, arXiv:1803.00443 (Jacobians).
    """
    edge = context.edge
    if edge.input is None:
        raise DistillError(
            f"{edge.path}: method inversion does not know the images that f takes; expected their shape and "
            "normalisation; give the edge an input, or choose auto"
        )
    if edge.statistics is None:
        context.notes.append(
            f"{edge.path}: the synthesised images stay as they were drawn: the teacher has no statistics; "
            "run `legonet teacher record`"
        )
    features = inverted_features(context, edge.input, settings.images)
    if context.features is not None:
        features = torch.cat([context.features, features])
    synthesised = dataclasses.replace(context, features=features, labels=None)
    matching = Jacobian(
        name="jacobian",
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        batch=settings.batch,
        weight=settings.weight,
    )
    return fit_jacobian(synthesised, matching)
