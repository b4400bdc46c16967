"""Counts the operations of what is run: two for each multiplication with its addition.

`torch.utils.flop_counter` gives the same numbers, but its first use imports torch's compiler, which takes two
seconds of processor time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Arguments = tuple[Any, ...]


class FlopCounter(TorchDispatchMode):
    """Counts products of matrices, convolutions and attention while it is entered, on any device, `meta` too.

    Attributes:
        total: so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not to be wrapped for torch's compiler, which is imported for that."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Arguments = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a function of ATen and count it; one that is made of others is counted by those."""
        kwargs = kwargs or {}
        count = _COUNTS.get(func.overloadpacket)
        if count is None:
            with self:
                result = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if result is NotImplemented else result
        self.total += count(args)
        return func(*args, **kwargs)


def _product(left: Tensor, right: Tensor) -> int:
    """Of matrices, or of batches of them: (…, rows, read) by (…, read, columns)."""
    return 2 * prod(left.shape) * right.shape[-1]


def _convolution(arguments: Arguments) -> int:
    """Each pixel of the output, or of the input if transposed, meets each weight once."""
    features, weight, _, stride, padding, dilation, transposed, *_ = arguments
    batch, sizes, kernel = features.shape[0], features.shape[2:], weight.shape[2:]
    if not transposed:
        sizes = [
            (size + 2 * pad - step * (side - 1) - 1) // jump + 1
            for size, side, jump, pad, step in zip(sizes, kernel, stride, padding, dilation, strict=True)
        ]
    return 2 * batch * prod(sizes) * prod(weight.shape)


def _attention(arguments: Arguments) -> int:
    """Queries with keys, and what comes of it with values; each (batch, heads, tokens, size)."""
    query, key, value = arguments[:3]
    pairs = prod(query.shape[:3]) * key.shape[2]
    return 2 * pairs * (query.shape[3] + value.shape[3])


_ATEN = torch.ops.aten
_COUNTS: dict[Any, Callable[[Arguments], int]] = {
    _ATEN.mm: lambda arguments: _product(arguments[0], arguments[1]),
    _ATEN.bmm: lambda arguments: _product(arguments[0], arguments[1]),
    _ATEN.addmm: lambda arguments: _product(arguments[1], arguments[2]),
    _ATEN.baddbmm: lambda arguments: _product(arguments[1], arguments[2]),
    _ATEN.convolution: _convolution,
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _attention,
    _ATEN._scaled_dot_product_flash_attention: _attention,
    _ATEN._scaled_dot_product_efficient_attention: _attention,
    _ATEN._scaled_dot_product_cudnn_attention: _attention,
}
