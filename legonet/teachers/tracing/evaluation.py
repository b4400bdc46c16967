"""What running somebody's forward pass needs, however it is traced. Needs torch."""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import fx, nn

from legonet import errors

# Whose lines are not the model's own: compared with the text of a traceback.
_FOLDERS = Path(torch.__file__).parent, Path(importlib.__file__).parent, Path(errors.__file__).parent
_OTHERS = tuple(f"{folder}{os.sep}" for folder in _FOLDERS)


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
    modes = {each: each.training for each in module.modules()}
    trained = [each for each in module.parameters() if each.requires_grad]
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
        for each, training in modes.items():
            each.training = training


def line_of(error: BaseException) -> str:
    """` at file:line`, the innermost line of an error that is the model's own; else nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if not each.filename.startswith((*_OTHERS, "<"))]
    return f" at {short(own[-1].filename)}:{own[-1].lineno}" if own else ""


def short(file: str) -> str:
    """The name of a file of code: of an installed package, from the package on."""
    return file.rpartition("site-packages/")[2]
