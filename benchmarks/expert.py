"""What an expert writes by hand with public tools to make a network fast: the reference of compiled ones.

Batch norms are folded by `torch.fx` or, in models that it cannot trace, pair by pair; images and convolutions
have channels last where that is faster; what several paths share is computed once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.timing import ratio

Run = Callable[[Tensor], object]
Write = Callable[[torch.memory_format], Run]
"""Writes a network for an order of memory."""

FORMATS = (torch.contiguous_format, torch.channels_last)
TRIALS = 5  # runs in each order of memory, of which the median decides


def folded(model: nn.Module) -> nn.Module:
    """A copy of a model without its batch norms, as far as they follow convolutions."""
    try:
        return fuse(model)
    except TraceError:
        return _fold_pairs(copy.deepcopy(model))


def _fold_pairs(model: nn.Module) -> nn.Module:
    """Fold each batch norm into the convolution that stands before it in the same module.

    A batch norm with an activation, such as timm's, leaves the activation.
    """
    for module in model.modules():
        for (name, conv), (above, norm) in _pairs(module):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, above, getattr(norm, "act", nn.Identity()))
    return model


def _pairs(module: nn.Module) -> Iterator[tuple[tuple[str, nn.Module], tuple[str, nn.Module]]]:
    return pairwise(list(module.named_children()))


def one_model(model: nn.Module) -> Write:
    """How an expert runs one model."""

    def write(order: torch.memory_format) -> Run:
        made = ordered(folded(model), order)
        return lambda images: made(images.contiguous(memory_format=order))

    return write


def ordered(module: nn.Module, order: torch.memory_format) -> nn.Module:
    """The module, its convolutions' weights in an order of memory."""
    return module.to(memory_format=order)  # type: ignore[call-overload]


def fastest(write: Write, images: Tensor, device: str = "cpu") -> Run:
    """The network in the order of memory in which it is faster for these images."""
    plain, last = (write(order) for order in FORMATS)
    found = ratio(lambda: plain(images), lambda: last(images), TRIALS, device)
    return last if found < 1 else plain
