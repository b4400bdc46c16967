"""Refinement of an adapter by what the teacher answers, and the features that it learns from.

All weights descend on features of every source, many more that are drawn from the teacher's statistics, and
those of the images given, along

    disagreement(y_S, y_T)  +  0.1 L(y_S, y*)

The second term needs labels. Whether a step was one ahead is judged on features that are never learned from.

Source: legonet; equation (3) of Zhang et al., arXiv:1804.10272, with the teacher's outputs in the place of
its pseudo-gradients, as in Hinton et al., arXiv:1503.02531.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from legonet.distill.fitting.context import Context, StepCallback, outputs_of
from legonet.distill.fitting.losses import output_scale
from legonet.distill.fitting.optimise import optimise
from legonet.distill.fitting.precision import Compute, in_sixteen_bits
from legonet.distill.flops.refinement import (
    BATCH,
    FEW,
    HELD_OUT,
    besides,
    compared,
    is_large,
    moved_images,
    refinement_steps,
    share_of_drawn,
    share_of_given,
)
from legonet.distill.flops.synthesis import moved_operations
from legonet.distill.synthesis.augment import augmented_features
from legonet.distill.synthesis.features import moved_features, synthetic_features
from legonet.distill.synthesis.sources.drawn import drawn
from legonet.ir.sizes import size_of

AT_ONCE = 800  # features that are drawn together
LABELS = 0.1  # weight of the task loss


@dataclass(frozen=True)
class Material:
    """Features to learn from and to choose by.

    Attributes:
        imagined: Of nothing; None without statistics and f's input.
        drawn: From statistics alone, and many, so that an adapter learns none of them by heart; None without.
        given: Of the images given and of their copies; None without any.
        labelled: Of the images given, where they have labels.
        labels: Theirs.
        held_out: Never learned from.
    """

    imagined: Tensor | None
    drawn: Tensor | None
    given: Tensor | None
    labelled: Tensor | None
    labels: Tensor | None
    held_out: Tensor


class Refinement:
    """Changes the context's adapter in place, by what the material says, and judges it.

    Args:
        context: The fit under way.
        material: Features to learn from and to judge by.
    """

    def __init__(self, context: Context, material: Material) -> None:
        self._context, self._material = context, material
        self._wanted = outputs_of(context.teacher, material.held_out)
        self._scale = output_scale(self._wanted)
        once, self._step = _operations(context)
        self._apart = -(-len(material.held_out) // compared(len(material.held_out), once))
        self._images = 0 if context.images is None else len(context.images)
        given = share_of_given(self._images, material.imagined is not None)
        more = 0 if material.drawn is None else share_of_drawn(self._images)
        sources = (material.given, material.imagined, material.drawn)
        shares = (given, BATCH - given - more, more)
        learned = [
            (each, share) for each, share in zip(sources, shares, strict=True) if each is not None and share
        ]
        self._known, self._shares = map(list, zip(*learned, strict=True))
        self._answers = [outputs_of(context.teacher, each) for each in self._known]
        self._half = (BATCH - given) // 2

    def learn_from_moved(self, steps: int | None, patience: int) -> None:
        """Learn also from images that are moved until the teacher knows them: half of what is not given.

        Args:
            steps: As of `refine`.
            patience: Likewise.
        """
        context, edge = self._context, self._context.edge
        if edge.input is None or edge.statistics is None or not self._half:
            return
        f = size_of(context.category_module.graph, edge.input.shape).operations
        once = moved_operations(1, f, size_of(context.teacher.graph, edge.source).operations)
        count = moved_images(once, refinement_steps(self._step, steps, 0, patience) * BATCH * self._step)
        if not count:
            return
        moved = moved_features(context, edge.input, count)
        imagined = next(at for at, each in enumerate(self._known) if each is self._material.imagined)
        self._shares[imagined] -= self._half
        self._known.append(moved)
        self._shares.append(self._half)
        self._answers.append(outputs_of(context.teacher, moved))

    @cached_property
    def _path(self) -> Compute:
        """The path where it is differentiated, or starts are compared."""
        if not is_large(self._step):
            return self._context.output
        spread = float(self._answers[0].std(correction=0))
        return in_sixteen_bits(self._context.output, self._known[0], spread)

    def judge(self) -> float:
        """Disagreement with the teacher on the held-out features, in float32."""
        path = nn.Sequential(self._context.adapter, self._context.student)
        found = outputs_of(path, self._material.held_out)
        found = self._context.edge.meaning.disagreement(found, self._wanted, self._scale)
        return max(0.0, float(found))  # of equal outputs, a rounding error below 0

    def judge_start(self) -> float:
        """The same but for the outputs' offset, which pseudo-gradients do not see."""
        found = outputs_of(self._path, self._material.held_out[:: self._apart])
        wanted = self._wanted[:: self._apart]
        moved = found + (wanted - found).mean([0, *range(2, wanted.ndim)], keepdim=True)
        return float(self._context.edge.meaning.disagreement(moved, wanted, self._scale))

    def refine(
        self,
        steps: int | None,
        learning_rate: float,
        patience: int = 1,
        progress: StepCallback | None = None,
    ) -> None:
        """Change all weights.

        Args:
            steps: Of Adam without images, more with some; None: as many as the modules' size allows.
            learning_rate: The greatest of its one cycle.
            patience: Times the steps, where they can be afforded.
            progress: Called with (step, steps, loss).
        """
        context = self._context
        optimise(
            context.adapter,
            self._loss,
            refinement_steps(self._step, steps, self._images, patience),
            learning_rate,
            cycle=True,
            progress=progress,
            state=context.descent(),
        )

    def _loss(self) -> Tensor:
        context, material, chosen = self._context, self._material, []
        for known, answers, count in zip(self._known, self._answers, self._shares, strict=True):
            index = self._choose(len(known), count)
            chosen.append((known[index], answers[index]))
        features, wanted = (torch.cat(each) for each in zip(*chosen, strict=True))
        meaning = context.edge.meaning
        value = meaning.disagreement(self._path(features), wanted, self._scale)
        if material.labelled is not None and material.labels is not None:
            index = self._choose(len(material.labels), BATCH // 2)
            output = self._path(material.labelled[index])
            value = value + LABELS * meaning.task_loss(output, material.labels[index])
        return value

    def _choose(self, among: int, count: int) -> Tensor:
        return torch.randint(among, (count,), generator=self._context.generator).to(self._context.device)


def gather(context: Context, count: int, steps: int | None = None) -> Material | None:
    """Everything to learn from, a fifth of it held out; of few given images none is spared for that.

    Args:
        context: The fit under way.
        count: Features to synthesise.
        steps: As of `Refinement.refine`.

    Returns:
        None where there is nothing.
    """
    imagined, images, labels = synthetic_features(context, count), context.images, context.labels
    many, held_out = None, []
    if imagined is not None:
        shown = 0 if images is None else len(images)
        made = refinement_steps(_operations(context)[1], steps, shown)
        many = _many(context, besides(len(imagined), context.edge.source, made, shown))
        held_out.append(imagined[::HELD_OUT])
        imagined = imagined[_others(len(imagined))]
    if images is not None and context.features is not None and (len(images) >= FEW or imagined is None):
        if len(images) >= HELD_OUT:
            held_out.append(context.features[::HELD_OUT])
            context.unseen.append(held_out[-1])
            images = images[_others(len(images))]
            labels = None if labels is None else labels[_others(len(labels))]
        else:
            held_out.append(context.features)
    if not held_out:
        return None
    given = None if images is None else augmented_features(context, images)
    labelled = None if given is None or labels is None or images is None else given[: len(images)]
    return Material(imagined, many, given, labelled, labels, torch.cat(held_out))


def _many(context: Context, count: int) -> Tensor | None:
    """Features from the teacher's statistics, some at a time: each channel's values are sorted."""
    parts = [min(AT_ONCE, count - done) for done in range(0, count, AT_ONCE)]
    found = [drawn(context.edge, each, context.generator, context.device) for each in parts]
    known = [each for each in found if each is not None]
    return torch.cat(known) if known else None


def _operations(context: Context) -> tuple[int, int]:
    """Of the path for one feature, and of one feature of a step."""
    edge = context.edge
    student = size_of(context.student.graph, edge.target).operations
    adapter = size_of(context.adapter.graph, edge.source).operations
    return student + adapter, 2 * student + 3 * adapter


def _others(count: int) -> Tensor:
    return torch.arange(count) % HELD_OUT != 0
