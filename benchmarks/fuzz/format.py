"""What is known of a format that is fuzzed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Seeds = list[bytes]
CANARY = "canary"  # a file that exists only if code of a mutant ran


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        suffix: Of its files.
        seeds: Good files.
        mutate: Makes a mutant of one.
        read: What legonet does with such a file, as far as it goes without a user who allows more.
        share: How many mutants it gets, relative to the others.
    """

    suffix: str
    seeds: Seeds
    mutate: Callable[[bytes, random.Random], bytes]
    read: Callable[[Path], Any]
    share: float = 1.0
