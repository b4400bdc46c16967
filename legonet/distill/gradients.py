"""Gradients through modules of others, whose operations may let none through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from legonet.errors import DistillError, LegonetError, first_line


@contextmanager
def passing() -> Iterator[None]:
    """Say as people read it where torch carries no gradient back.

    Raises:
        DistillError: An operation has no derivative, or cuts off what comes before it.
    """
    try:
        yield
    except (torch.OutOfMemoryError, LegonetError):
        raise
    except RuntimeError as error:
        raise DistillError(
            f"no gradient passes through the modules ({first_line(error)}); expected operations with a "
            "derivative all the way; choose another model or cut"
        ) from error
