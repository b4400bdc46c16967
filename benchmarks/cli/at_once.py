"""`python -m benchmarks at-once`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def at_once(
    commands: Annotated[int, typer.Option(metavar="N", min=1, help="How many commands in all.")] = 200,
    processes: Annotated[int, typer.Option(metavar="N", min=1, help="How many processes at once.")] = 8,
    seed: Annotated[int, typer.Option(metavar="N", help="Of what is chosen by chance.")] = 0,
) -> int:
    """Work on one workspace with mixed commands at once; nothing may be lost."""
    import tempfile

    from benchmarks.at_once import at_once, text_of

    with tempfile.TemporaryDirectory() as folder:
        found = at_once(commands, processes, seed, Path(folder) / "zoo")
    print(text_of(found))
    return int(bool(found.broken))
