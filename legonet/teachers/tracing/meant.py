"""What a model's code means where tracing or conversion to float32 would read it otherwise. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import fake_tensor
from torch.fx.experimental import proxy_tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

_TO_TYPE = {Tensor.half: torch.float16, Tensor.bfloat16: torch.bfloat16, Tensor.double: torch.float64}
_KNOWN = 1024  # numbers of a constant


class InFloat32(TorchFunctionMode):
    """Casts to types that a model's weights were converted from are casts to float32, as its weights are.

    Args:
        types: Those types.
    """

    def __init__(self, types: Iterable[torch.dtype]) -> None:
        super().__init__()
        self._types = frozenset(types)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if _TO_TYPE.get(func) in self._types:
            func = Tensor.float
        given, named = pytree.tree_map_only(torch.dtype, self._meant, (args, kwargs or {}))
        return func(*given, **named)

    def _meant(self, kind: torch.dtype) -> torch.dtype:
        return torch.float32 if kind in self._types else kind


class Detached(TorchFunctionMode):
    """`x.data` is `x.detach()`, which tracing sees."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func == Tensor.data.__get__:  # type: ignore[attr-defined]
            return args[0].detach()
        return func(*args, **(kwargs or {}))


@contextmanager
def known_constants() -> Iterator[None]:
    """While it is entered, tracing knows the values of small constants, so that conditions may follow them.

    By itself torch knows those of one number only.
    """
    places, name = (fake_tensor, proxy_tensor), "CONSTANT_NUMEL_LIMIT"
    before = [getattr(each, name) for each in places if hasattr(each, name)]
    if len(before) < len(places):
        yield
        return
    try:
        for each in places:
            setattr(each, name, _KNOWN)
        yield
    finally:
        for each, value in zip(places, before, strict=True):
            setattr(each, name, value)
