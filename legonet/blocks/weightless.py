"""Models are built without values for their weights, which a file gives later. Needs torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook


def without_values(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a model whose parameters are on the meta device; buffers, which its code computes, have values.

    Args:
        build: Gives the model. Where its code needs the values of its parameters it is called once more, and
            they have the usual ones.
    """
    with suppress(Exception), _parameters_on_meta():  # a fault of its own comes again below
        module = build()
        if not isinstance(module, nn.Module) or not any(buffer.is_meta for buffer in module.buffers()):
            return module
    return build()


def with_room(module: nn.Module) -> nn.Module:
    """Give parameters on the meta device memory of no meaning, which takes no room until it is written to."""
    for owner in module.modules():
        for name, parameter in owner._parameters.items():
            if parameter is not None and parameter.is_meta:
                empty = torch.empty_like(parameter, device="cpu")
                owner._parameters[name] = nn.Parameter(empty, requires_grad=False)
    return module


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    def take_away(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or parameter.is_meta or type(parameter) is not nn.Parameter:
            return None
        return nn.Parameter(parameter.to("meta"), parameter.requires_grad)

    handle = register_module_parameter_registration_hook(take_away)  # type: ignore[arg-type]  # torch says None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*copying from a non-meta parameter", UserWarning)
            yield
    finally:
        handle.remove()
