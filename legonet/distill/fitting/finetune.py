"""Global fine-tuning: one shared module is changed for all paths that use it, and judged on each of them.

    min over the module's weights  Σ_paths  disagreement(y_S, y_T)  +  L(y_S, y*)

A task module is tuned on several categories, a category module on several tasks; adapters and all other
modules stay as they are. The second term counts where images have labels. Without images of a path they are
synthesised from its teacher. A quarter of a path's images is held out, to judge by.

Source: Zhang et al., arXiv:1804.10272, section 3 (global fine-tuning), with the teachers' outputs beside the
labels, as in Hinton et al., arXiv:1503.02531.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from legonet.distill.fitting.context import StepCallback, outputs_of
from legonet.distill.fitting.losses import output_scale
from legonet.distill.fitting.optimise import optimise
from legonet.graph.output import Output
from legonet.ir.interpreter import GraphModule

HELD_OUT = 4  # one image in so many is only measured on
BATCH = 16  # images of each path per step


@dataclass(frozen=True)
class TunedPath:
    """One path through the shared module.

    Attributes:
        through: makes the path of a copy of the shared module: normalised images in, outputs out.
        teacher: normalised images in, outputs out; None where labels alone say what is right.
        images: normalised, (batch, channels, height, width).
        labels: of the images, if they have any.
        meaning: of the output.
    """

    through: Callable[[GraphModule], nn.Module]
    teacher: nn.Module | None
    images: Tensor
    labels: Tensor | None
    meaning: Output


@dataclass(frozen=True)
class Judgement:
    """How good a path was before and after its module was fine-tuned.

    Attributes:
        measure: `loss` of the labels on held-out images, or `disagreement` with the teacher.
        before: Its value before; less is better.
        after: Its value after.
        images: How many images were held out to measure it on.
    """

    measure: str
    before: float
    after: float
    images: int


@dataclass(frozen=True)
class FinetunedModule:
    """A changed copy of the shared module, and what became of each path."""

    module: GraphModule
    paths: dict[str, Judgement]


def finetune(
    module: GraphModule,
    paths: Mapping[str, TunedPath],
    steps: int,
    learning_rate: float,
    seed: int = 0,
    progress: StepCallback | None = None,
) -> FinetunedModule:
    """Change a copy of a shared module.

    Args:
        module: as it is; it stays so.
        paths: all that use it.
        steps: of Adam, its learning rate falling along half a cosine.
        learning_rate: at the start.
        seed: same seed, same machine: same weights.
        progress: called with (step, steps, loss).

    Returns:
        The copy, frozen, and each path before and after.
    """
    tuned, generator = copy.deepcopy(module).eval(), torch.Generator().manual_seed(seed)
    students = {name: path.through(tuned) for name, path in paths.items()}
    answers = {
        name: None if p.teacher is None else outputs_of(p.teacher, p.images) for name, p in paths.items()
    }
    scales = {name: None if each is None else output_scale(each) for name, each in answers.items()}
    before = {name: _judge(students[name], path, answers[name]) for name, path in paths.items()}

    def loss() -> Tensor:
        total = torch.zeros(())
        for name, path in paths.items():
            seen = torch.nonzero(torch.arange(len(path.images)) % HELD_OUT != 0).flatten()
            chosen = seen[torch.randint(len(seen), (BATCH,), generator=generator)].to(path.images.device)
            found, answer, scale = students[name](path.images[chosen]), answers[name], scales[name]
            if answer is not None and scale is not None:
                total = total.to(found) + path.meaning.disagreement(found, answer[chosen], scale)
            if path.labels is not None:
                total = total.to(found) + path.meaning.task_loss(found, path.labels[chosen])
        return total / len(paths)

    optimise(tuned, loss, steps, learning_rate, decay=True, progress=progress)
    judged = {}
    for name, path in paths.items():
        (measure, old), (_, new) = before[name], _judge(students[name], path, answers[name])
        judged[name] = Judgement(measure, old, new, len(path.images[::HELD_OUT]))
    return FinetunedModule(tuned.requires_grad_(False), judged)


def _answers(path: TunedPath) -> Tensor | None:
    return None if path.teacher is None else outputs_of(path.teacher, path.images)


def _judge(student: nn.Module, path: TunedPath, answer: Tensor | None) -> tuple[str, float]:
    found = outputs_of(student, path.images[::HELD_OUT])
    if path.labels is not None:
        return "loss", float(path.meaning.task_loss(found, path.labels[::HELD_OUT]))
    wanted = found if answer is None else answer[::HELD_OUT]
    scale = output_scale(wanted if answer is None else answer)
    return "disagreement", float(path.meaning.disagreement(found, wanted, scale))
