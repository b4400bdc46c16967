"""`python -m benchmarks kills`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.results import say


def kills(
    points: Annotated[int, typer.Option(min=1, metavar="N", help="Kills of a run at its writes.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of what is chosen by chance.")] = 0,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only ways with this in their names. Repeatable.")
    ] = None,
) -> int:
    """Kill runs in many ways; the next undisturbed one has to end with the same bytes.

    The other ways get their share of the kills. The exit status is 1 if one did not.
    """
    from benchmarks.kills.rows import text_of
    from benchmarks.kills.run import run_kills

    rows = run_kills(points, seed, only or [""], say)
    print(text_of(rows))
    return int(any(row.faults for row in rows))
