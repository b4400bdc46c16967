"""All formats that are fuzzed: a good file of each, what reads it, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.fuzz import files, learned, remotes, servers, state, weights
from benchmarks.fuzz.format import Format


def formats(folder: Path) -> dict[str, Format]:
    """All formats by name.

    Args:
        folder: For files that making the seeds takes; code of mutants would write `CANARY` there.
    """
    torch.manual_seed(0)
    of_people = files.formats(folder) | weights.formats(folder)
    return of_people | learned.formats() | remotes.formats() | state.formats() | servers.formats()
