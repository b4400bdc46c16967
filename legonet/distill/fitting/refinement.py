"""Refinement of an adapter by what the teacher answers, and the features that it learns from.

All weights descend on synthesised features and those of the images given, joined at random lines, along

    disagreement(y_S, y_T)  +  0.3 excess(W)  +  0.1 L(y_S, y*)

excess is the second term of equation (3) over all draws, less its least value, and keeps the adapter near the
closed form where the features say nothing; its weight falls with the number of images. The third term needs
labels.

Source: legonet; the loss is equation (3) of Zhang et al., arXiv:1804.10272, with the teacher's outputs beside
the labels, as in Hinton et al., arXiv:1503.02531.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from legonet.distill.fitting.context import Context, outputs_of
from legonet.distill.fitting.initialisation import Initialisation
from legonet.distill.fitting.losses import output_scale
from legonet.distill.fitting.optimise import optimise
from legonet.distill.fitting.output_distillation import learn_from_outputs, own_features
from legonet.distill.flops.refinement import BATCH, CALIBRATION, JOINED, refinement_steps
from legonet.distill.synthesis.augment import augmented_features, cutmix, share_of_given
from legonet.distill.synthesis.features import synthetic_features

HELD_OUT = 5  # one feature in so many is held out
FEW = 40  # given images are held out too from this number on
HALF = 5  # given images that take half of a batch, the imagined ones the other half
CALIBRATION_RATE = 1e-2  # learning rate of the biases
APART = 1.5  # times the steps without a common base
PRIOR = 0.3  # weight of the pseudo-gradients' loss without images
TRUST = 30  # given images that halve it
LABELS = 0.1  # weight of the task loss


@dataclass(frozen=True)
class Material:
    """Features to learn from and to choose by.

    Attributes:
        imagined: of nothing; None without statistics and f's input.
        given: of the images given and of their copies; None without any.
        labelled: of the images given, where they have labels.
        labels: theirs.
        held_out: never learned from.
    """

    imagined: Tensor | None
    given: Tensor | None
    labelled: Tensor | None
    labels: Tensor | None
    held_out: Tensor


class Refinement:
    """Changes the context's adapter in place, by what the material says, and judges it.

    Args:
        context: the fit under way.
        material: features to learn from and to judge by.
        begin: where the adapter stands at first.
    """

    def __init__(self, context: Context, material: Material, begin: Initialisation) -> None:
        self._context, self._material, self._begin = context, material, begin
        self._wanted = outputs_of(context.teacher, material.held_out)
        self._scale = output_scale(self._wanted)
        self._images = 0 if context.images is None else len(context.images)
        self._prior = PRIOR * TRUST / (TRUST + self._images)
        self._given = share_of_given(context, BATCH, HALF, material.imagined is not None)

    @cached_property
    def _joined(self) -> tuple[Tensor, Tensor]:
        """Features, and the teacher's answers. The teacher is asked once and not at each step."""
        generator, count = self._context.generator, JOINED // BATCH
        features = torch.cat([cutmix(self._batch(), self._batch(), generator) for _ in range(count)])
        return features, outputs_of(self._context.teacher, features)

    def judge(self) -> float:
        """Disagreement with the teacher on the held-out features."""
        found = outputs_of(
            nn.Sequential(self._context.adapter, self._context.student), self._material.held_out
        )
        found = self._context.edge.meaning.disagreement(found, self._wanted, self._scale)
        return max(0.0, float(found))  # of equal outputs, a rounding error below 0

    def calibrate(self) -> None:
        """Set the biases."""
        adapter = self._context.adapter
        optimise(adapter, self._agree, CALIBRATION, CALIBRATION_RATE, decay=True, only="bias")

    def refine(self, steps: int, learning_rate: float, gradients: float) -> None:
        """Change all weights; without a common base by `legonet.distill.fitting.output_distillation`.

        Args:
            steps: of Adam without images; there are more with some.
            learning_rate: at the start, with a common base.
            gradients: weight of the real gradients' mismatch without one.
        """
        if not self._begin.common:
            own = own_features(self._context)
            imagined = self._material.imagined if own is None else own
            learn_from_outputs(self._context, imagined, self._material.given, round(steps * APART), gradients)
            return
        optimise(
            self._context.adapter,
            self._loss,
            refinement_steps(steps, self._images),
            learning_rate,
            decay=True,
            progress=self._context.progress,
            state=self._context.descent(),
        )

    def _agree(self) -> Tensor:
        context, (features, answers) = self._context, self._joined
        chosen = self._choose(len(features), BATCH)
        found = context.student(context.adapter(features[chosen]))
        return context.edge.meaning.disagreement(found, answers[chosen], self._scale)

    def _loss(self) -> Tensor:
        context, material, value = self._context, self._material, self._agree()
        if self._begin.excess is not None:
            value = value + self._prior * self._begin.excess()
        if material.labelled is not None and material.labels is not None:
            chosen = self._choose(len(material.labels), BATCH // 2)
            output = context.student(context.adapter(material.labelled[chosen]))
            value = value + LABELS * context.edge.meaning.task_loss(output, material.labels[chosen])
        return value

    def _batch(self) -> Tensor:
        """Some features that were given, some imagined, in random order."""
        parts, material = [], self._material
        if material.given is not None and self._given:
            parts.append(material.given[self._choose(len(material.given), self._given)])
        if material.imagined is not None and self._given < BATCH:
            parts.append(material.imagined[self._choose(len(material.imagined), BATCH - self._given)])
        return torch.cat(parts)[self._choose(BATCH, BATCH)]

    def _choose(self, among: int, count: int) -> Tensor:
        return torch.randint(among, (count,), generator=self._context.generator).to(self._context.device)


def gather(context: Context, count: int) -> Material | None:
    """Everything to learn from, a fifth of it held out; of few given images none is spared for that.

    Args:
        context: the fit under way.
        count: features to synthesise.

    Returns:
        None where there is nothing.
    """
    imagined, images, labels = synthetic_features(context, count), context.images, context.labels
    held_out = []
    if imagined is not None:
        held_out.append(imagined[::HELD_OUT])
        imagined = imagined[_others(len(imagined))]
    if images is not None and context.features is not None and (len(images) >= FEW or imagined is None):
        if len(images) >= HELD_OUT:
            held_out.append(context.features[::HELD_OUT])
            images = images[_others(len(images))]
            labels = None if labels is None else labels[_others(len(labels))]
        else:
            held_out.append(context.features)
    if not held_out:
        return None
    given = None if images is None else augmented_features(context, images)
    labelled = None if given is None or labels is None or images is None else given[: len(images)]
    return Material(imagined, given, labelled, labels, torch.cat(held_out))


def _others(count: int) -> Tensor:
    return torch.arange(count) % HELD_OUT != 0
