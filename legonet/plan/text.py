"""A plan as text: the lines that commands print, that `print` shows, and that notebooks put in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from legonet.graph.suggest import listed as names
from legonet.notebook import escape, page, table, title
from legonet.plan.cost import JobCost
from legonet.plan.plan import Action, Plan, PlannedEdge
from legonet.progress import duration
from legonet.tables import columns

if TYPE_CHECKING:
    from legonet.plan.ports import Ports

MARKS: dict[Action, str] = {
    "add": "+",
    "refit": "~",
    "remove": "-",
    "keep": "=",
    "native": "=",
    "open": "?",
}
LISTED = 20  # paths that stay as they are; more are counted
LICENCES = 8  # that are named; more are counted
COUNTED = 20  # tasks that are counted apart
HEADS = ("", "path", "action", "method", "cost", "joins", "why")


def plan_text(planned: Plan, ports: Mapping[str, Ports], every: bool = False) -> str:
    """All lines of a plan.

    Args:
        planned: The plan.
        ports: What adapters join, by path.
        every: Whether paths that stay as they are, are listed however many there are.
    """
    shown = planned if every else listed(planned)
    counted = counts(planned, shown)
    lines = columns([*rows(shown, ports), *counted_rows(counted)]) if planned.edges else []
    lines += [""] if planned.edges else []
    return "\n".join([*lines, *summary(planned), *unlisted(planned, shown, "plan.text(every=True)")])


def plan_html(planned: Plan, ports: Mapping[str, Ports]) -> str:
    """A plan for a notebook."""
    shown = listed(planned)
    cells = [*rows(shown, ports), *counted_rows(counts(planned, shown))]
    end = (*summary(planned), *unlisted(planned, shown, "plan.text(every=True)"))
    said = "".join(f"<p>{escape(line)}</p>" for line in end)
    return page(title(f"Plan of {planned.graph}"), table(HEADS, cells), said)


def rows(shown: Plan, ports: Mapping[str, Ports]) -> list[tuple[str, ...]]:
    """Mark, path, action, method, cost, what the adapter joins, and why, for each path that is listed."""
    return [
        (
            MARKS[edge.action],
            edge.path,
            edge.action,
            edge.method or "",
            about(edge),
            joins(edge, ports),
            edge.reason,
        )
        for edge in shown
    ]


def counted_rows(counted: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Rows of paths that are counted, not listed."""
    return [(MARKS["keep"], pattern, text, "", "", "", "") for pattern, text in counted.items()]


def about(edge: PlannedEdge) -> str:
    """About what a path's job takes; empty where nothing is known, and where there is nothing to do."""
    said = "" if edge.cost is None else cost_text(edge.cost)
    return f"about {said}" if said else ""


def joins(edge: PlannedEdge, ports: Mapping[str, Ports]) -> str:
    """What its adapter joins; a path that is also to be removed says it once."""
    return str(ports[edge.path]) if edge.path in ports and edge.action != "remove" else ""


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


def summary(planned: Plan) -> list[str]:
    """What is offered, what there is to do, and what that takes."""
    lines = [f"! {each}" for each in planned.weak[:LISTED]]
    if more := len(planned.weak[LISTED:]):
        lines.append(f"! and {more:,} more weak paths; `legonet plan --json` lists them")
    lines += [f"! {note}" for note in planned.notes]
    for offer in planned.offers:
        time = "" if offer.seconds is None else f", about {duration(offer.seconds)}"
        lines.append(
            f"! tasks.{offer.task}: the quality of {offer.teacher} is better than that of {offer.giver}, "
            f"which gives the module; to use it, write `teacher: {offer.teacher}` there; {offer.refits} "
            f"adapters would be fitted again{time}"
        )
    count = {action: sum(edge.action == action for edge in planned) for action in ("add", "refit", "remove")}
    if planned.changes:
        said = ", ".join(f"{number} to {action}" for action, number in count.items() if number)
        lines.append(said + estimate(planned))
    elif planned.edges:
        lines.append("Nothing to do: every adapter is as the graph file says.")
    else:
        lines.append("Nothing to do: there is no path yet; `legonet teacher add` brings in teachers.")
    return lines + licences(planned.licences)


def licences(of: Mapping[str, str]) -> list[str]:
    """The licences of the teachers in one line, the most frequent first; none where none is recorded.

    Args:
        of: By teacher; empty where it is not recorded.
    """
    if not any(of.values()):
        return []
    counted = Counter(licence for licence in of.values() if licence).most_common(LICENCES)
    parts = [f"{licence} ({number} of {len(of)} teachers)" for licence, number in counted]
    others = len({licence for licence in of.values() if licence}) - len(counted)
    parts += [f"{others} others"] if others else []
    without = [name for name, licence in of.items() if not licence]
    parts += [f"not recorded: {names(without)}"] if without else []
    return [f"licences: {', '.join(parts)}"]


def unlisted(planned: Plan, shown: Plan, how: str) -> list[str]:
    """How many paths are counted only, and how they are listed."""
    hidden = len(planned.edges) - len(shown.edges)
    return [f"{hidden:,} paths stay as they are; {how} lists them."] if hidden else []


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
        passes = "" if cost.passes is None else f" ({cost.passes:,} passes)"
        parts.append(operations_text(cost.operations) + passes)
    if cost.memory is not None:
        parts.append(f"{cost.memory / 2**20:,.0f} MiB")
    return ", ".join(parts)


def operations_text(operations: int) -> str:
    """Operations as people read them."""
    units = {"TFLOP": 10**12, "GFLOP": 10**9, "MFLOP": 10**6, "kFLOP": 10**3}
    unit, size = next((each for each in units.items() if operations >= each[1]), ("FLOP", 1))
    return f"{operations / size:.3g} {unit}"
