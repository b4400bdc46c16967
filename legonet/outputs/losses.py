"""What the kinds' losses are made of. Needs torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.errors import DataError

SHARPNESS = 4.0  # probabilities of scores in these parts of their standard deviation


def mismatch(student: Tensor, teacher: Tensor, scale: Tensor | float) -> Tensor:
    """Smooth L1 between two outputs, in units of the teacher's spread.

    Args:
        student: The student's output, (batch, …).
        teacher: The teacher's, of the same shape.
        scale: The teacher's standard deviation, broadcastable to the outputs.

    Returns:
        A scalar; 0 where both agree.
    """
    return F.smooth_l1_loss(student / scale, teacher / scale)


def same_sides(student: Tensor, teacher: Tensor) -> Tensor:
    """Say which part of each output's scores, (batch, …), is on the teacher's side of zero, (batch,)."""
    return ((student > 0) == (teacher > 0)).flatten(1).float().mean(1)


def sigmoid_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Compare probabilities that are sigmoids of scores.

    Args:
        student: The student's scores of any shape, each by itself.
        teacher: The teacher's, of the same shape.
        temperature: T, by which scores are divided.

    Returns:
        A scalar: T² · cross-entropy of the softened probabilities in nats, less the teacher's entropy, so
        that it is 0 where both agree.
    """
    soft_student, soft_teacher = student / temperature, teacher / temperature
    target = soft_teacher.sigmoid()
    cross = F.binary_cross_entropy_with_logits(soft_student, target)
    return temperature**2 * (cross - F.binary_cross_entropy_with_logits(soft_teacher, target))


def softmax_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Compare probabilities that are softmaxes of scores.

    Args:
        student: The student's scores (batch, labels, …), of which one is right.
        teacher: The teacher's, of the same shape.
        temperature: T, by which scores are divided.

    Returns:
        A scalar: T² · cross-entropy of the softened probabilities in nats, less the teacher's entropy, so
        that it is 0 where both agree.
    """
    soft_student, soft_teacher = student / temperature, teacher / temperature
    pointwise = F.kl_div(
        soft_student.log_softmax(1), soft_teacher.log_softmax(1), reduction="none", log_target=True
    )
    return temperature**2 * pointwise.sum(1).mean()


def at_size(maps: Tensor, like: Tensor) -> Tensor:
    """Maps (batch, channels, height, width) in the height and width of others, the last two axes."""
    size = like.shape[-2:]
    return maps if maps.shape[-2:] == size else F.interpolate(maps, size, mode="bilinear")


def expect_labels(labels: Tensor, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Refuse labels that do not fit their outputs.

    Args:
        labels: The labels of a batch.
        shape: The shape that they have to have, the batch first.
        device: The device of the outputs.

    Returns:
        The labels on that device.

    Raises:
        DataError: They have another one.
    """
    if tuple(labels.shape) != tuple(shape):
        raise DataError(
            f"labels: shape {tuple(labels.shape)}; expected {tuple(shape)}, one per output; "
            "give one label per image and position, or None for images without labels"
        )
    return labels.to(device)
