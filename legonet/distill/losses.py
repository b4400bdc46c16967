"""Losses: agreement with the teacher's output, and the tasks' own losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.errors import DataError
from legonet.graph.schema import BinaryOutput, MaskOutput, Output


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
