"""`python -m benchmarks fuzz`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.results import print_found, say
from legonet.cli.options import Json


def fuzz(
    count: Annotated[int, typer.Option("--count", min=1, metavar="N", help="How many files.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of mutants.")] = 0,
    only: Annotated[str, typer.Option(metavar="NAME", help="Only formats with this in their names.")] = "",
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where mutants are kept that should be looked at.")
    ] = None,
    costly: Annotated[
        bool, typer.Option("--costly", help="No mutants, but files that cost as much as they can, each once.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Read damaged and hostile files of every format, and count how that ends.

    Each is read within limits of time and memory. The exit status is 1 if one was not accepted or refused by
    a message within them.
    """
    from benchmarks.fuzz.run import run_fuzz, table

    found = run_fuzz(count, seed, only, keep, say, costly)
    print_found(found.data(), table(found), as_json)
    return 0 if found.clean else 1
