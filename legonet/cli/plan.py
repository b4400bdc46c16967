"""`legonet plan`."""

from __future__ import annotations

import json

from legonet.cli.options import GraphFile, Json

MARKS = {"add": "+", "refit": "~", "remove": "-", "keep": "=", "native": "=", "open": "?"}
STYLES = {"add": "green", "refit": "yellow", "remove": "red", "keep": "dim", "native": "dim", "open": "cyan"}


def plan(graph: GraphFile, as_json: Json = False) -> None:
    """Say what `legonet transplant` would do for each path, and why. Changes nothing."""
    import legonet

    planned = legonet.load(graph).plan()
    if as_json:
        print(json.dumps(planned.data(), indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False)
    for edge in planned:
        style = STYLES[edge.action]
        table.add_row(MARKS[edge.action], edge.path, edge.action, edge.method or "", edge.reason, style=style)
    if planned.edges:
        console.print(table)
        console.print()
    count = {action: sum(edge.action == action for edge in planned) for action in ("add", "refit", "remove")}
    if planned.changes:
        console.print(", ".join(f"{number} to {action}" for action, number in count.items() if number) + ".")
        console.print(f"Run: legonet transplant {graph}")
    else:
        console.print("Nothing to do: every adapter is as the graph file says.")
