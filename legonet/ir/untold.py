"""Tracing by torch without notes of where in the code operations are called. Needs torch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch.fx.config

_UNTOLD = "do_not_emit_stack_traces"  # of a torch that has it
_LOCK = threading.Lock()
_told = list[bool]()  # how it was when each of those that are in it came


@contextmanager
def untold() -> Iterator[None]:
    """While any thread is in it, torch notes for no operation where it was called.

    That takes up to a third of the time, and names files of this machine.
    """
    if not hasattr(torch.fx.config, _UNTOLD):
        yield
        return
    with _LOCK:
        _told.append(getattr(torch.fx.config, _UNTOLD))
        setattr(torch.fx.config, _UNTOLD, True)
    try:
        yield
    finally:
        with _LOCK:  # the first that came in knows how it was
            before = _told.pop()
            if not _told:
                setattr(torch.fx.config, _UNTOLD, before)
