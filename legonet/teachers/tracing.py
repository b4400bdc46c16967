"""What running somebody's forward pass needs, however it is traced. Needs torch."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_TORCH = os.path.dirname(torch.__file__)  # noqa: PTH120 - compared with the text of a traceback


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode; all its parts get their own mode back after it."""
    modes = {each: each.training for each in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for each, training in modes.items():
            each.training = training


def line_of(error: BaseException) -> str:
    """` at file:line`, the innermost line of an error that is the model's own; else nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    here = os.path.dirname(__file__)  # noqa: PTH120 - compared with the text of a traceback
    own = [each for each in frames if not each.filename.startswith((_TORCH, here, "<"))]
    return f" at {own[-1].filename}:{own[-1].lineno}" if own else ""
