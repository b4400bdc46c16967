"""Tracing by torch without notes of where in the code operations are called. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch.fx.config

_UNTOLD = "do_not_emit_stack_traces"  # of a torch that has it


@contextmanager
def untold() -> Iterator[None]:
    """While it is entered, torch notes for no operation where it was called.

    That takes up to a third of the time, and names files of this machine.
    """
    before = getattr(torch.fx.config, _UNTOLD, None)
    if before is None:
        yield
        return
    setattr(torch.fx.config, _UNTOLD, True)
    try:
        yield
    finally:
        setattr(torch.fx.config, _UNTOLD, before)
