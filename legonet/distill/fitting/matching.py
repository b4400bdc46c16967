"""Output matching: what gradients do not see, and what the closed form leaves.

The closed form fixes the adapter's weights up to a scale and says nothing of the output's offset. Both,
and what else keeps y_S = g_S(h(x)) from y_T = g_T(x), are taken up here by a short descent on

    smooth L1( y_S / s, y_T / s ),      s the standard deviation of y_T

over features x: those of the images that are given, and features synthesised from the teacher's
statistics.

Source: legonet; the loss is Hinton et al., arXiv:1503.02531, on outputs rather than probabilities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from legonet.distill.fitting.context import Context, outputs_of
from legonet.distill.fitting.losses import output_scale
from legonet.distill.fitting.optimise import keep_better, optimise
from legonet.distill.flops.matching import BATCH, HELD_OUT
from legonet.distill.synthesis.sources.drawn import drawn
from legonet.outputs.losses import mismatch

LEARNING_RATE = 1e-3


def known_features(context: Context, synthesised: int) -> Tensor | None:
    """Features to compare outputs on, in random order: those given, and synthesised ones.

    Args:
        context: The fit under way.
        synthesised: How many to draw from the teacher's statistics, if there are any.

    Returns:
        (batch, channels, height, width); None without images and statistics.
    """
    generator = context.generator
    found = (context.features, drawn(context.edge, synthesised, generator, context.device))
    parts = [each for each in found if each is not None]
    if not parts:
        return None
    known = torch.cat(parts)
    return known[torch.randperm(len(known), generator=generator).to(context.device)]


def match_outputs(context: Context, features: Tensor, steps: int, batch: int = BATCH) -> float:
    """Bring the student's outputs to the teacher's, in place.

    A quarter of the features is held out; where the new adapter agrees no better with the teacher on
    these, it stays as it was.

    Args:
        context: The fit under way; its adapter is where it starts.
        features: (batch, channels, height, width) at the cut, in random order.
        steps: Of Adam, its learning rate falling along a cosine.
        batch: Features per step.

    Returns:
        The mismatch on the held-out features, in units of the teacher's spread.
    """
    adapter, student = context.adapter, context.student
    held_out, fitted = features[::HELD_OUT], features[torch.arange(len(features)) % HELD_OUT != 0]
    if not len(fitted):
        held_out = fitted = features
    wanted, wanted_held_out = (outputs_of(context.teacher, each) for each in (fitted, held_out))
    scale = output_scale(torch.cat([wanted, wanted_held_out]))

    def measure() -> float:
        return float(mismatch(outputs_of(nn.Sequential(adapter, student), held_out), wanted_held_out, scale))

    def loss() -> Tensor:
        chosen = torch.randint(len(fitted), (batch,), generator=context.generator).to(features.device)
        return mismatch(context.output(fitted[chosen]), wanted[chosen], scale)

    def descend() -> None:
        state = context.descent()
        optimise(adapter, loss, steps, LEARNING_RATE, decay=True, progress=context.progress, state=state)

    return keep_better(adapter, measure, descend)
