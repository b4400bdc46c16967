"""Python's garbage collector, paused. Needs no torch."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Keep the collector from running while much is made that stays.

    It would look through all objects again and again, among them torch's half a million: that takes more
    time than reading a file of 1,000 modules.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
