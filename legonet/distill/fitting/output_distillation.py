"""Learning from outputs alone: for task modules without a common base.

Nothing is known of how the units of g_S and g_T belong together, so the adapter learns from a random start
what g_T answers, on features of images that are synthesised from the teacher and of those that are given:

    smooth L1(y_S, y_T)  +  disagreement(y_S, y_T)  +  ‖D_S − D_T‖² / ‖D_T‖²,      D = ∂(G · y) / ∂x

The real gradients D carry most: one output is one number for each image, its gradient is one for each
feature. Features are joined to one another at random lines.

Source: legonet; Srinivas and Fleuret, arXiv:1803.00443 (Jacobians), Yin et al., arXiv:1912.08795 (inversion).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from legonet.distill.fitting.context import Context, outputs_of
from legonet.distill.fitting.losses import output_scale, value_and_jacobian
from legonet.distill.fitting.optimise import optimise
from legonet.distill.synthesis.augment import augmented_features, cutmix, share_of_given
from legonet.distill.synthesis.features import inverted_features, synthetic_features
from legonet.outputs.losses import mismatch

BATCH = 16
OUTPUTS_ALONE = 64  # features of a step in which no gradient is matched
LEARNING_RATE = 3e-3
IMAGINED = 512  # features to synthesise
HALF = 30  # given images that take half of a batch
HELD_OUT = 8  # one feature in so many is only measured on


def distill_outputs(context: Context, steps: int) -> dict[str, float]:
    """Learn from synthesised features and from the images that are given.

    Args:
        context: the fit under way.
        steps: of Adam.

    Returns:
        `mismatch`: smooth L1 of the outputs on held-out features, in units of the teacher's spread; nothing
        where neither statistics nor f's images are known and none were given.
    """
    own = own_features(context)
    imagined = synthetic_features(context, IMAGINED) if own is None else own
    given = None if context.images is None else augmented_features(context, context.images)
    known = imagined if imagined is not None else given
    if known is None:
        return {}
    held_out, rest = known[::HELD_OUT], known[torch.arange(len(known)) % HELD_OUT != 0]
    learn_from_outputs(context, *((None, rest) if imagined is None else (rest, given)), steps)
    with torch.no_grad():
        found = context.student(context.adapter(held_out))
        wanted = context.teacher(held_out)
    return {"mismatch": float(mismatch(found, wanted, output_scale(wanted)))}


def own_features(context: Context) -> Tensor | None:
    """Features that f itself gives, of synthesised images; in single runs better than a mixture (method.md).

    Returns:
        (batch, channels, height, width); None where f's images or the teacher's statistics are not known.
    """
    given = context.edge.input
    if given is None or context.edge.statistics is None:
        return None
    return torch.cat([inverted_features(context, given, count) for count in [IMAGINED // 2] * 2])


def learn_from_outputs(
    context: Context, imagined: Tensor | None, given: Tensor | None, steps: int, gradients: float = 1.0
) -> None:
    """Descend from where the adapter is, in place.

    Args:
        context: the fit under way.
        imagined: synthesised features, (batch, channels, height, width).
        given: features of images that were given and of copies of them, likewise; one of the two is there.
        steps: of Adam.
        gradients: weight of their mismatch; with 0 outputs are all, and batches are larger.
    """
    count = BATCH if gradients else OUTPUTS_ALONE
    student, generator = nn.Sequential(context.adapter, context.student), context.generator
    known = torch.cat([each for each in (imagined, given) if each is not None])
    scale = output_scale(outputs_of(context.teacher, known))
    share = share_of_given(context, count, HALF, imagined is not None)

    def batch() -> Tensor:
        parts = [
            features[torch.randint(len(features), (part,), generator=generator).to(features.device)]
            for features, part in ((given, share), (imagined, count - share))
            if features is not None and part
        ]
        return torch.cat(parts)[torch.randperm(count, generator=generator)]

    def loss() -> Tensor:
        features = cutmix(batch(), batch(), generator)
        value, output, wanted = value_and_jacobian(
            student, context.teacher, features, scale, gradients, generator
        )
        return value + context.edge.meaning.disagreement(output, wanted, scale)

    state = context.descent()
    optimise(context.adapter, loss, steps, LEARNING_RATE, decay=True, progress=context.progress, state=state)
