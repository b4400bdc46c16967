"""`python -m benchmarks messages`."""

from __future__ import annotations

from typing import Annotated

import typer


def messages(
    kind: Annotated[str, typer.Option(metavar="NAME", help="Only those of this, such as GraphError.")] = "",
) -> None:
    """List every message that a command can print.

    They are read from the source, to be read in one go.
    """
    from benchmarks.messages import messages as find

    for each in find():
        if kind in ("", each.kind):
            print(f"{each.place}: {each.kind}: {each.text}")
