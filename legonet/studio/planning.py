"""Plans of the file and of the draft, and what connecting a pair would say."""

from __future__ import annotations

from collections import Counter

from legonet.blocks.adapter_layers import adapter_layers
from legonet.errors import GraphError, LegonetError
from legonet.graph.checks.outline import outline_of
from legonet.graph.checks.references import reference_problems
from legonet.graph.editing.build import extended
from legonet.graph.editing.connection import connection
from legonet.graph.reading.findings import located
from legonet.graph.select import adapter_spec
from legonet.plan.plan import PlannedEdge
from legonet.run.options import RunOptions, ordered
from legonet.studio.drafted import Drafted
from legonet.studio.models.graph import Target
from legonet.studio.models.plan import PlanData, Totals


def plan_data(drafted: Drafted, options: RunOptions) -> PlanData | None:
    """A plan, its jobs in the order in which they would be done, and what they come to.

    Args:
        drafted: What is known of a graph.
        options: Which jobs are wanted, and the time that there is for them.

    Raises:
        SelectError: A pattern fits no path.
    """
    plan = drafted.plan
    if plan is None:
        return None
    jobs = _within(ordered(drafted.graph, plan.jobs, options), options.budget)
    data = plan.data()
    for edge in data["edges"]:
        joined = drafted.ports.get(edge["path"]) if edge["action"] != "remove" else None
        edge["ports"] = None if joined is None else joined.data()
    actions = Counter(edge.action for edge in plan.edges)
    return PlanData(
        graph=plan.graph,
        edges=tuple(data["edges"]),
        offers=tuple(data["offers"]),
        weak=tuple(data["weak"]),
        notes=tuple(data["notes"]),
        chosen=tuple(each.path for each in jobs),
        totals=_totals(jobs, actions),
    )


def _within(jobs: list[PlannedEdge], budget: float | None) -> list[PlannedEdge]:
    """The jobs that fit into a time, as a run chooses them: one after the other, while there is time left."""
    if budget is None:
        return jobs
    chosen, left = [], budget
    for each in jobs:
        seconds = (each.cost.seconds if each.cost is not None else None) or 0.0
        if seconds <= left:
            chosen.append(each)
            left -= seconds
    return chosen


def _totals(jobs: list[PlannedEdge], actions: Counter[str]) -> Totals:
    costs = [each.cost for each in jobs]
    known = [each.seconds for each in costs if each is not None and each.seconds is not None]
    return Totals(
        actions=dict(actions),
        jobs=len(jobs),
        seconds=sum(known) if known else None,
        unknown=len(jobs) - len(known),
        operations=sum(each.operations or 0 for each in costs if each is not None),
    )


def targets(drafted: Drafted, *, category: str | None = None, task: str | None = None) -> list[Target]:
    """What connecting each task with a category would say, or each category with a task.

    Args:
        drafted: What is known of the draft.
        category: The category's name, or
        task: The task's name; exactly one of the two.
    """
    graph = drafted.graph
    pairs = [(category, each) for each in graph.tasks] if category is not None else []
    pairs += [(each, task) for each in graph.categories] if task is not None else []
    return [_target(drafted, str(each), str(other)) for each, other in pairs]


def _target(drafted: Drafted, category: str, task: str) -> Target:
    graph, path = drafted.graph, f"{category}:{task}"
    taught = any((each.category, each.task) == (category, task) for each in graph.teachers.values())
    connected = taught or path in graph.adapters
    try:
        wanted = extended(graph, {"adapters": {path: connection(graph, path)}})
        wrong = [each for each in reference_problems(outline_of(wanted)) if each.key == ("adapters", path)]
        if wrong:
            raise GraphError.of(*located(wrong, ""))
        gives, takes = drafted.gives.get(category), drafted.takes.get(task)
        if gives is not None and takes is not None:
            adapter_layers(adapter_spec(graph, category, task), gives, takes, path)
    except LegonetError as error:
        return Target(path=path, legal=False, connected=connected, message=str(error))
    said = "" if taught else f"no teacher shows {path}: it is fitted from labelled images"
    return Target(path=path, legal=True, connected=connected, message=said)
