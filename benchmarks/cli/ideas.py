"""`python -m benchmarks ideas`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.options import Graph


def ideas(
    graph: Graph = Path("graphs/animals.yaml"),
    agreement: Annotated[
        Path, typer.Option(metavar="FILE", help="What `python -m benchmarks.agreement` kept.")
    ] = Path("docs/results/agreement.jsonl"),
    docs: Annotated[Path, typer.Option("--output", "-o", help="Folder of the pictures.")] = Path(
        "docs/method"
    ),
) -> None:
    """Draw the pictures of docs/method.md.

    Needs the extra `bench`.
    """
    from benchmarks.ideas import draw_ideas
    from legonet.store.plain_files import write_file

    for name, picture in draw_ideas(graph, agreement):
        write_file(docs / name, picture)
        print(docs / name)
