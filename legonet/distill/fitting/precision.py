"""Sixteen bits in the products of a descent through large modules, where the processor has them.

Weights, gradients and sums stay in float32. What a descent learns from, and what it is judged by, is computed
in float32 in any case.

Source: Micikevicius et al., Mixed Precision Training, arXiv:1710.03740; Kalamkar et al., A Study of BFLOAT16
for Deep Learning Training, arXiv:1905.12322.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from legonet.errors import LegonetError

EXAMPLES = 4  # that both precisions are compared on
NEAR = 0.05  # of the spread, that they may be apart by

Compute = Callable[[Tensor], Tensor]


def in_sixteen_bits(path: Compute, features: Tensor, spread: float) -> Compute:
    """Compute a path's products in bfloat16.

    Args:
        path: Whose gradients are wanted.
        features: (batch, …), on the path's device.
        spread: The deviation of what the outputs are compared with.

    Returns:
        The path, whose outputs are float32 as before. It is the same path where the processor would have to
        imitate bfloat16, or where the outputs for some of the features would be others.
    """
    device = features.device

    def shorter(given: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return path(given).float()

    agree = has_bfloat16(device) and _apart(path, shorter, features[:EXAMPLES]) <= NEAR * spread
    return shorter if agree else path


def has_bfloat16(device: torch.device) -> bool:
    """Whether a processor multiplies in bfloat16 itself, so that it is quicker."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    return any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))


def _apart(path: Compute, shorter: Compute, features: Tensor) -> float:
    """How far apart outputs of both are; infinitely where there are none, or none with a gradient."""
    with suppress(RuntimeError, LegonetError):  # not every operation is there in sixteen bits
        with torch.no_grad():
            exact = path(features)
        with torch.enable_grad():
            given = features.clone().requires_grad_()
            found = shorter(given)
            torch.autograd.grad(found.square().mean(), given)
        return float((found.detach() - exact).square().mean().sqrt())
    return math.inf
