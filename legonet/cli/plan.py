"""`legonet plan`."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import GraphFile, Json, SampleFolders, Verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from legonet.network import Network
    from legonet.plan.cost import JobCost
    from legonet.plan.plan import Plan, PlannedEdge
    from legonet.plan.ports import Ports

MARKS = {"add": "+", "refit": "~", "remove": "-", "keep": "=", "native": "=", "open": "?"}
STYLES = {
    "add": "green",
    "refit": "yellow",
    "remove": "red",
    "keep": "dim",
    "native": "dim",
    "open": "cyan",
}
LISTED = 20  # paths that stay as they are; more are counted
COUNTED = 20  # tasks that are counted apart


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
    """Say what `legonet transplant` would do for each path, and why.

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


def listed(planned: Plan) -> Plan:
    """The part of a plan that is shown path by path: what changes, and what does not where that is little."""
    if len(planned.edges) - len(planned.changes) <= LISTED:
        return planned
    return replace(planned, edges=planned.changes)


def counts(planned: Plan, shown: Plan) -> dict[str, str]:
    """What is not shown path by path: how much of it is kept, native and open, by pattern of paths."""
    if shown.edges == planned.edges:
        return {}
    by_task: dict[str, Counter[str]] = {}
    for edge in planned:
        if edge.action in ("keep", "native", "open"):
            by_task.setdefault(f"*:{edge.path.partition(':')[2]}", Counter())[edge.action] += 1
    if len(by_task) > COUNTED:
        by_task = {"*:*": sum(by_task.values(), Counter())}
    return {
        pattern: ", ".join(f"{number:,} {action}" for action, number in sorted(found.items()))
        for pattern, found in by_task.items()
    }


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
        rows = [
            (MARKS[edge.action], edge.path, edge.action, edge.method or "", _joins(edge, ports), edge.reason)
            for edge in shown
        ]
        rows += [(MARKS["keep"], pattern, text, "", "", "") for pattern, text in counted.items()]
        styles = [*(STYLES[edge.action] for edge in shown), *(STYLES["keep"] for _ in counted)]
        for style, line in zip(styles, columns(rows), strict=True):
            show(line, style)
    if planned.edges:
        print()
    for offer in planned.offers:
        time = "" if offer.seconds is None else f", about {duration(offer.seconds)}"
        show(
            f"! tasks.{offer.task}: the quality of {offer.teacher} is better than that of {offer.giver}, "
            f"which gives the module; to use it, write `teacher: {offer.teacher}` there; {offer.refits} "
            f"adapters would be fitted again{time}",
            "magenta",
        )
    count = {action: sum(edge.action == action for edge in planned) for action in ("add", "refit", "remove")}
    if planned.changes:
        print(
            ", ".join(f"{number} to {action}" for action, number in count.items() if number)
            + estimate(planned)
        )
    elif planned.edges:
        print("Nothing to do: every adapter is as the graph file says.")
    else:
        print("Nothing to do: there is no path yet; `legonet teacher add` brings in teachers.")
    if counted:
        print(f"{len(planned.edges) - len(shown.edges):,} paths stay as they are; --all lists them.")


def estimate(planned: Plan) -> str:
    """What a plan's jobs take, as far as it is known: the end of a sentence."""
    jobs = planned.jobs
    if not jobs:
        return "."
    costs = [edge.cost for edge in jobs if edge.cost is not None]
    counted = [cost.operations for cost in costs if cost.operations is not None]
    known = [cost.seconds for cost in costs if cost.seconds is not None]
    work = f"; about {operations_text(sum(counted))}" if counted else ""
    if len(counted) not in (0, len(jobs)):
        work += f" and what {len(jobs) - len(counted)} more take"
    if not known:
        return f"{work}. How long that takes on this machine, the first of them will tell."
    unknown = "" if len(known) == len(jobs) else f", and {len(jobs) - len(known)} of unknown length"
    return f"{work}; about {duration(sum(known))} on this machine{unknown}."


def cost_text(cost: JobCost) -> str:
    """What a job takes, as people read it: time, operations, memory."""
    parts = [] if cost.seconds is None else [duration(cost.seconds)]
    if cost.operations is not None:
        parts.append(operations_text(cost.operations))
    if cost.memory is not None:
        parts.append(f"{cost.memory / 2**20:,.0f} MiB")
    return ", ".join(parts)


def operations_text(operations: int) -> str:
    """Operations as people read them."""
    units = {"TFLOP": 10**12, "GFLOP": 10**9, "MFLOP": 10**6, "kFLOP": 10**3}
    unit, size = next((each for each in units.items() if operations >= each[1]), ("FLOP", 1))
    return f"{operations / size:.3g} {unit}"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _joins(edge: PlannedEdge, ports: Mapping[str, Ports]) -> str:
    """What its adapter joins; a path that is also to be removed says it once."""
    return str(ports[edge.path]) if edge.path in ports and edge.action != "remove" else ""


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
        add(edge.path, _line(edge, _joins(edge, ports)), STYLES[edge.action])
    for pattern, text in counted.items():
        add(pattern, f"{MARKS['keep']} {pattern}  {text}", STYLES["keep"])
    console().print(tree)


def _line(edge: PlannedEdge, joins: str) -> str:
    parts = [f"{MARKS[edge.action]} {edge.path}", edge.action, edge.method or ""]
    parts.append("" if edge.cost is None else f"about {cost_text(edge.cost)}")
    lines = ["  ".join(part for part in parts if part), joins, edge.reason]
    return "\n  ".join(line for line in lines if line)
