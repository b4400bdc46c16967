"""What running somebody's forward pass needs, however it is traced. Needs torch."""

from __future__ import annotations

import copy
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules import module as torch_module

from legonet import errors

# Whose lines are not the model's own: compared with the text of a traceback.
_OTHERS = tuple(f"{Path(str(each.__file__)).parent}{os.sep}" for each in (torch, errors))
_PYTHON, _PACKAGES = f"{Path(os.__file__).parent}{os.sep}", ("site-packages", "dist-packages")


class UnknownCallError(Exception):
    """A traced program calls what legonet cannot follow.

    Attributes:
        node: The call.
    """

    def __init__(self, node: fx.Node, found: str) -> None:
        super().__init__(found)
        self.node = node


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module as it is used, in evaluation mode and frozen; it gets its own state back after it.

    Frozen, because torch multiplies by a matrix that needs a gradient in another order, with other bits. So
    does its fast path of attention, which is not taken.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    trained = [each for each in module.parameters() if each.requires_grad]
    with restoring(module):
        module.eval()
        for each in trained:
            each.requires_grad_(False)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for each in trained:
                each.requires_grad_(True)


@contextmanager
def restoring(module: nn.Module) -> Iterator[None]:
    """Afterwards all modules have the attributes, tensors, modules and hooks that they had before.

    A forward pass may keep something in them, such as a grid for the size of its images; while a model is
    traced that would be no real tensor.
    """
    before = [
        (each, type(each), dict(vars(each)), [(value, copy.copy(value)) for value in _containers(each)])
        for each in module.modules()
    ]
    try:
        yield
    finally:
        for each, kind, attributes, containers in before:
            if type(each) is not kind:
                each.__class__ = kind
            each.__dict__.clear()
            each.__dict__.update(attributes)
            for container, content in containers:  # the very ones: handles of hooks know them
                _refill(container, content)


def _containers(module: nn.Module) -> list[Any]:
    """What a forward pass may write to without setting an attribute."""
    return [value for value in vars(module).values() if isinstance(value, dict | list | set)]


def _refill(container: Any, content: Any) -> None:
    container.clear()
    container.extend(content) if isinstance(container, list) else container.update(content)


def adds_to_forward(module: nn.Module) -> bool:
    """Whether calling a module, or one inside, does more than its class's forward pass says.

    So it is with hooks, with a `forward` that was put on an instance, and with a `__call__` of its own.
    """
    return bool(torch_module._has_any_global_hook()) or any(
        bool(each._forward_hooks or each._forward_pre_hooks)
        or "forward" in vars(each)
        or type(each).__call__ is not nn.Module.__call__
        for each in module.modules()
    )


def line_of(error: BaseException) -> str:
    """` at file:line`, the innermost line of an error that is the model's own; else nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if is_own(each.filename)]
    return f" at {short(own[-1].filename)}:{own[-1].lineno}" if own else ""


def is_own(file: str) -> bool:
    """Whether a file of code may be the model's: not Python's own, torch's or legonet's."""
    if file.startswith((*_OTHERS, "<")):
        return False
    return not file.startswith(_PYTHON) or any(each in file for each in _PACKAGES)


def short(file: str) -> str:
    """The name of a file of code: of an installed package, from the package on."""
    return file.rpartition("site-packages/")[2]
