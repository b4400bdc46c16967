"""Losses: agreement with the teacher's output, and the tasks' own losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from legonet.errors import DataError
from legonet.graph.schema import BinaryOutput, MaskOutput, Output, VectorOutput

SHARPNESS = 4.0  # probabilities of scores in these parts of their standard deviation


def mismatch(student: Tensor, teacher: Tensor, scale: Tensor | float) -> Tensor:
    """Smooth L1 between two outputs, in units of the teacher's spread.

    Args:
        student: (batch, …).
        teacher: the same shape.
        scale: the teacher's standard deviation, broadcastable to the outputs.

    Returns:
        A scalar; 0 where both agree.
    """
    return F.smooth_l1_loss(student / scale, teacher / scale)


def soft_loss(student: Tensor, teacher: Tensor, temperature: float, meaning: Output) -> Tensor:
    """Compare softened outputs.

    Args:
        student: scores (batch, 1), maps (batch, labels, height, width) or vectors (batch, size).
        teacher: the same shape.
        temperature: T.
        meaning: what the outputs mean.

    Returns:
        A scalar: T² · cross-entropy of the softened probabilities in nats, less the teacher's entropy, so
        that it is 0 where both agree; for vectors the mean squared distance.
    """
    if isinstance(meaning, VectorOutput):
        return F.mse_loss(student, teacher)
    soft_student, soft_teacher = student / temperature, teacher / temperature
    if student.shape[1] == 1:
        target = soft_teacher.sigmoid()
        cross = F.binary_cross_entropy_with_logits(soft_student, target)
        return temperature**2 * (cross - F.binary_cross_entropy_with_logits(soft_teacher, target))
    pointwise = F.kl_div(
        soft_student.log_softmax(1), soft_teacher.log_softmax(1), reduction="none", log_target=True
    )
    return temperature**2 * pointwise.sum(1).mean()


def disagreement(student: Tensor, teacher: Tensor, scale: Tensor, meaning: Output) -> Tensor:
    """How far the student's decisions are from the teacher's: soft_loss in units of the teacher's spread.

    Scores are divided by a quarter of their standard deviation before they become probabilities, so that what
    counts is on which side of zero they lie, and near zero how far.

    Args:
        student: scores (batch, 1), maps (batch, labels, height, width) or vectors (batch, size).
        teacher: the same shape.
        scale: the teacher's standard deviation, broadcastable to the outputs.
        meaning: what the outputs mean.

    Returns:
        A scalar; 0 where both agree. For vectors `mismatch`.
    """
    if isinstance(meaning, VectorOutput):
        return mismatch(student, teacher, scale)
    return soft_loss(SHARPNESS * student / scale, SHARPNESS * teacher / scale, 1.0, meaning)


def value_and_jacobian(
    student: nn.Module,
    teacher: nn.Module,
    features: Tensor,
    scale: Tensor | float,
    weight: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Compare outputs and gradients with respect to the features.

        smooth L1(y_S / s, y_T / s)  +  weight · ‖D_S − D_T‖² / ‖D_T‖²,      D = ∂(G · y) / ∂x      (2)

    G is drawn anew for each image, +1 or -1 for each output; real ReLUs and real poolings.

    Args:
        student: g_S ∘ h.
        teacher: g_T.
        features: x, (batch, channels, height, width).
        scale: s, the teacher's standard deviation, broadcastable to the outputs.
        weight: of the gradients' mismatch; with 0 they are not computed, which takes a third of the time.
        generator: a CPU generator.

    Returns:
        A scalar, 0 where both agree, and the outputs of student and teacher.

    Source: Czarnecki et al., arXiv:1706.04859; Srinivas and Fleuret, arXiv:1803.00443; D as in equation
    (2) of arXiv:1804.10272.
    """
    if not weight:
        with torch.no_grad():
            wanted = teacher(features)
        output = student(features)
        return mismatch(output, wanted, scale), output, wanted
    x = features.detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
        output, wanted = student(x), teacher(x)
    signs = torch.randint(2, output.shape, generator=generator).to(output) * 2 - 1
    (target,) = torch.autograd.grad(wanted, x, signs)
    (found,) = torch.autograd.grad(output, x, signs, create_graph=True)
    apart = (found - target).square().sum() / target.square().sum().clamp_min(1e-12)
    wanted = wanted.detach()
    return mismatch(output, wanted, scale) + weight * apart, output, wanted


def task_loss(output: Tensor, labels: Tensor, meaning: Output) -> Tensor:
    """The loss of the task itself, L(y, y*) in equation (3).

    Args:
        output: scores (batch, 1), maps (batch, labels, height, width) or vectors (batch, size).
        labels: (batch,) of 0 and 1; (batch, height, width) of label indices, or of 0 and 1 where the
            task has one label; (batch, size).
        meaning: what the task's output means.

    Returns:
        The mean loss, in nats for scores and maps, squared units for vectors.

    Raises:
        DataError: labels of another shape.
    """
    target = labels.to(output.device)
    if isinstance(meaning, MaskOutput) and output.shape[1] > 1:
        _expect(target, (output.shape[0], *output.shape[2:]))
        return F.cross_entropy(output, target.long())
    if isinstance(meaning, BinaryOutput | MaskOutput):
        score = output.squeeze(1)
        _expect(target, tuple(score.shape))
        return F.binary_cross_entropy_with_logits(score, target.to(score.dtype))
    _expect(target, tuple(output.shape))
    return F.mse_loss(output, target.to(output.dtype))


def _expect(labels: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(labels.shape) != shape:
        raise DataError(
            f"labels: shape {tuple(labels.shape)}; expected {shape}, one per output; "
            "give one label per image and position, or None for images without labels"
        )


def output_scale(output: Tensor) -> Tensor:
    """Standard deviation of each output channel over images and positions; never zero."""
    axes = [axis for axis in range(output.ndim) if axis != 1]
    deviation = torch.std(output, dim=axes, correction=0, keepdim=True)
    return deviation.clamp_min(1e-6)
