"""`legonet plan`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import GraphFile, Json, SampleFolders, Verify
from legonet.plan.text import MARKS, about, counted_rows, counts, joins, listed, rows, summary, unlisted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from legonet.network import Network
    from legonet.plan.plan import Plan, PlannedEdge
    from legonet.plan.ports import Ports

STYLES = {
    "add": "green",
    "refit": "yellow",
    "remove": "red",
    "keep": "dim",
    "native": "dim",
    "open": "cyan",
}


def plan(
    graph: GraphFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PLAN",
            help="Write the plan to this file, for `legonet transplant PLAN`.",
        ),
    ] = None,
    samples: SampleFolders = None,
    every: Annotated[
        bool, typer.Option("--all", help="List the paths that stay as they are, however many there are.")
    ] = False,
    verify: Verify = False,
    as_json: Json = False,
) -> None:
    """Say what `legonet transplant` would do, and why.

    Nothing is changed but for what --verify sets aside. Where many paths stay as they are, these are counted
    for each task, and not listed.
    """
    import legonet
    from legonet.cli.measure import measured
    from legonet.cli.samples import folders_of, open_samples

    network = legonet.load(graph)
    folders = folders_of(samples or [])
    if verify:
        say_damaged(network)
    given = open_samples(folders, network)
    planned = network.plan(given)
    if measured(planned, graph):
        planned = network.plan(given)
    if output is not None:
        from legonet.plan.plan_file import plan_text
        from legonet.store.plain_files import write_file

        write_file(output, plan_text(planned, graph, output, folders).encode())
    shown = planned if every or as_json else listed(planned)
    ports = network.ports(shown)
    if as_json:
        data = planned.data()
        for edge in data["edges"]:
            joined = edge["action"] != "remove" and ports.get(edge["path"])
            edge["ports"] = joined.data() if joined else None
        print(json.dumps(data, indent=2))
        return
    show_plan(planned, shown, ports)
    if planned.changes:
        target = graph if output is None else output
        print(f"Run: legonet transplant {shlex.quote(str(target))}")


def say_damaged(network: Network) -> None:
    """Set aside what is damaged of all that has been built, and say what it was."""
    for each in network.verify():
        print(f"note: {each}", file=sys.stderr)


def show_plan(planned: Plan, shown: Plan, ports: Mapping[str, Ports]) -> None:
    """Print a plan: a tree by task on a terminal, lines elsewhere; then what it comes to.

    Args:
        planned: The whole.
        shown: Its paths that are listed; the others are counted.
        ports: Of the paths that are listed.
    """
    from legonet.cli.table import show
    from legonet.tables import columns

    counted = counts(planned, shown)
    if sys.stdout.isatty() and planned.edges:
        _show_tree(shown, counted, ports)
    else:
        styles = [*(STYLES[edge.action] for edge in shown), *(STYLES["keep"] for _ in counted)]
        lines = columns([*rows(shown, ports), *counted_rows(counted)]) if planned.edges else []
        for style, line in zip(styles, lines, strict=True):
            show(line, style)
    if planned.edges:
        print()
    for line in (*summary(planned), *unlisted(planned, shown, "--all")):
        show(line, "magenta" if line.startswith("!") else "")


def _show_tree(shown: Plan, counted: Mapping[str, str], ports: Mapping[str, Ports]) -> None:
    from rich.text import Text
    from rich.tree import Tree

    from legonet.terminal import console

    tree = Tree(Text(shown.graph, "bold"))
    branches: dict[str, Tree] = {"*": tree}

    def add(path: str, text: str, style: str) -> None:
        task = path.partition(":")[2]
        if task not in branches:
            branches[task] = tree.add(Text(task, "bold"))
        branches[task].add(Text(text, style))

    for edge in shown:
        add(edge.path, _line(edge, joins(edge, ports)), STYLES[edge.action])
    for pattern, text in counted.items():
        add(pattern, f"{MARKS['keep']} {pattern}  {text}", STYLES["keep"])
    console().print(tree)


def _line(edge: PlannedEdge, joined: str) -> str:
    parts = [f"{MARKS[edge.action]} {edge.path}", edge.action, edge.method or "", about(edge)]
    lines = ["  ".join(part for part in parts if part), joined, edge.reason]
    return "\n  ".join(line for line in lines if line)
