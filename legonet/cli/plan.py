"""`legonet plan`."""

from __future__ import annotations

import json
import shlex

from legonet.cli.options import GraphFile, Json

MARKS = {"add": "+", "refit": "~", "remove": "-", "keep": "=", "native": "=", "open": "?"}
STYLES = {
    "add": "green",
    "refit": "yellow",
    "remove": "red",
    "keep": "dim",
    "native": "dim",
    "open": "cyan",
}


def plan(graph: GraphFile, as_json: Json = False) -> None:
    """Say what `legonet transplant` would do for each path, and why. Changes nothing."""
    import legonet
    from legonet.cli.table import columns, show

    planned = legonet.load(graph).plan()
    if as_json:
        print(json.dumps(planned.data(), indent=2))
        return
    rows = [(MARKS[edge.action], edge.path, edge.action, edge.method or "", edge.reason) for edge in planned]
    for edge, line in zip(planned, columns(rows), strict=True):
        show(line, STYLES[edge.action])
    if rows:
        print()
    count = {action: sum(edge.action == action for edge in planned) for action in ("add", "refit", "remove")}
    if planned.changes:
        print(", ".join(f"{number} to {action}" for action, number in count.items() if number) + ".")
        print(f"Run: legonet transplant {shlex.quote(str(graph))}")
    else:
        print("Nothing to do: every adapter is as the graph file says.")
