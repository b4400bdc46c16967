"""Counts operations of what is run, by torch's formulas: two for each multiplication with its addition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Of a processor, for which torch has no formula: shapes (batch, heads, tokens, size)."""
    return sdpa_flop_count(query.shape, key.shape, value.shape)


_FORMULAS: dict[Any, Callable[..., int]] = {**flop_registry, _ATTENTION: _attention}


class FlopCounter(TorchDispatchMode):
    """Counts while it is entered, on any device, `meta` too.

    `torch.utils.flop_counter.FlopCounterMode` counts the same by module, and imports torch's compiler for it:
    two seconds of processor time.

    Attributes:
        total: Operations counted so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Not to be wrapped for torch's compiler, which is imported for that."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a function of ATen and count it; one that is made of others is counted by those."""
        kwargs = kwargs or {}
        formula = _FORMULAS.get(func.overloadpacket)
        if formula is None:
            with self:
                result = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if result is NotImplemented else result
        result = func(*args, **kwargs)
        self.total += formula(*args, **kwargs, out_val=result)
        return result
