"""Python's garbage collector, paused. Needs no torch."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Keep the collector from running while much is made that stays.

    It would look through all objects again and again, torch's half a million too: that takes more time
    than reading a file of 1,000 modules, and makes reading a large file cost more per entry than a small one.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
