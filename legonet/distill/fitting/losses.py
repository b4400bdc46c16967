"""Losses: agreement with the teacher's output, and the tasks' own losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from legonet.distill.gradients import passing
from legonet.outputs.losses import mismatch

__all__ = ["mismatch", "output_scale", "value_and_jacobian"]


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
        weight: Of the gradients' mismatch; with 0 they are not computed, which takes a third of the time.
        generator: A CPU generator.

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
    with passing():
        (target,) = torch.autograd.grad(wanted, x, signs)
        (found,) = torch.autograd.grad(output, x, signs, create_graph=True)
    apart = (found - target).square().sum() / target.square().sum().clamp_min(1e-12)
    wanted = wanted.detach()
    return mismatch(output, wanted, scale) + weight * apart, output, wanted


def output_scale(output: Tensor) -> Tensor:
    """Standard deviation of each output channel over images and positions; never zero."""
    axes = [axis for axis in range(output.ndim) if axis != 1]
    deviation = torch.std(output, dim=axes, correction=0, keepdim=True)
    return deviation.clamp_min(1e-6)
