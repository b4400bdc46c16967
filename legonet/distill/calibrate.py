"""Scale and offset of the output: what gradients do not see.

The closed form fixes the adapter's weights up to the scale that equation (3) calls alpha, and says
nothing of its bias. Both are chosen here so that y_S = g_S(h(x)) matches y_T = g_T(x) on features x:
recorded images, or features synthesised from the teacher's statistics. Few numbers (one gain, and one
bias per channel), so that few features suffice and the weights' direction stays as it was fitted.

Source: legonet.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from legonet.blocks.adapter import convolutions
from legonet.distill.losses import mismatch, output_scale

ITERATIONS = 30


def calibrate(adapter: nn.Sequential, student: nn.Module, teacher: nn.Module, features: Tensor) -> float:
    """Choose the gain and the bias of the adapter's first convolution, in place.

    A quarter of the features is held out; where the new values agree no better with the teacher on
    these, the adapter stays as it was.

    Args:
        adapter: the chain made by `build_adapter`.
        student: g_S.
        teacher: g_T.
        features: (batch, channels, height, width) at the cut.

    Returns:
        The mismatch on the held-out features: smooth L1 in units of the teacher's spread.
    """
    conv = convolutions(adapter)[0]
    if conv.bias is None:
        raise ValueError("an adapter's convolutions have a bias")
    held_out, fitted = features[::4], features[torch.arange(len(features)) % 4 != 0]
    with torch.no_grad():
        wanted, wanted_held_out = teacher(fitted), teacher(held_out)
        scale = output_scale(torch.cat([wanted, wanted_held_out]))
        before = float(mismatch(student(adapter(held_out)), wanted_held_out, scale))
        old_weight, old_bias = conv.weight.clone(), conv.bias.clone()
    gain = torch.zeros((), dtype=old_weight.dtype, device=old_weight.device, requires_grad=True)
    # In units of the convolution's own response, so that both unknowns have one scale.
    unit = _response(adapter, conv, fitted)
    offset = torch.zeros_like(old_bias).requires_grad_()
    optimiser = torch.optim.LBFGS([gain, offset], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        changed = {
            f"{_name(adapter, conv)}.weight": old_weight * gain.exp(),
            f"{_name(adapter, conv)}.bias": old_bias + unit * offset,
        }
        loss = mismatch(student(torch.func.functional_call(adapter, changed, fitted)), wanted, scale)
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        conv.weight.copy_(old_weight * gain.exp())
        conv.bias.copy_(old_bias + unit * offset)
        after = float(mismatch(student(adapter(held_out)), wanted_held_out, scale))
        if not after < before:
            conv.weight.copy_(old_weight)
            conv.bias.copy_(old_bias)
            after = before
    return after


def _response(adapter: nn.Sequential, conv: nn.Conv2d, features: Tensor) -> Tensor:
    """Standard deviation of all the convolution's outputs: a scalar."""
    value = features
    with torch.no_grad():
        for layer in adapter:
            value = layer(value)
            if layer is conv:
                break
    return value.std().clamp_min(1e-6)


def _name(adapter: nn.Sequential, conv: nn.Conv2d) -> str:
    return next(name for name, layer in adapter.named_children() if layer is conv)
