"""What is to be done, and what could be connected."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from legonet.errors import LegonetError, Problem
from legonet.graph.load import parse_graph
from legonet.graph.suggest import did_you_mean, listed
from legonet.run.options import RunOptions, seconds_of
from legonet.studio.draft import Snapshot
from legonet.studio.models.base import Pattern, Request
from legonet.studio.models.graph import Targets
from legonet.studio.models.plan import Plans
from legonet.studio.models.runs import Duration
from legonet.studio.operations import Asked, Operation
from legonet.studio.planning import plan_data, targets
from legonet.studio.state import shown_problems
from legonet.studio.studio import Studio
from legonet.web.faults import FaultError, refuse


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Wanted(Request):
    """Which jobs are asked for."""

    only: Annotated[list[Pattern], BeforeValidator(_several), Field(max_length=1000)] = Field(
        default=[], description="paths or patterns such as cat:*; default: all"
    )
    budget: Duration | None = Field(default=None, description="the time that there is, such as 10m")


class Pair(Request):
    """One end of a connection."""

    category: str | None = Field(default=None, max_length=200)
    task: str | None = Field(default=None, max_length=200)


def plan(studio: Studio, asked: Asked) -> Plans:
    """The plans of the file and of the draft."""
    budget = None if asked.query.budget is None else seconds_of("budget", asked.query.budget)
    options = RunOptions(only=tuple(asked.query.only), budget=budget)
    now = studio.draft.now()
    drafted = studio.understood(now.loaded.graph)
    after = plan_data(drafted, options)
    if after is None:
        raise FaultError(422, *drafted.problems)
    studio.measure(drafted)
    before, problems = (after, ()) if not now.dirty else _before(studio, now, budget)
    return Plans(before=before, after=after, problems=shown_problems((*drafted.problems, *problems)))


def _before(studio: Studio, now: Snapshot, budget: float | None) -> tuple[Any, tuple[Problem, ...]]:
    """The plan of the file; all of it, as the patterns may name what only the draft has."""
    try:
        loaded = parse_graph(now.disk, str(studio.path), studio.draft.as_json)
        drafted = studio.understood(loaded.graph)
        return plan_data(drafted, RunOptions(budget=budget)), drafted.problems
    except LegonetError as error:
        return None, error.problems


def find_targets(studio: Studio, asked: Asked) -> Targets:
    """What connecting would say."""
    category, task = asked.query.category, asked.query.task
    if (category is None) == (task is None):
        raise refuse(422, "found neither or both", "expected either a category or a task", key="query")
    drafted = studio.understood(studio.draft.now().loaded.graph)
    known = drafted.graph.categories if category is not None else drafted.graph.tasks
    name = str(category if category is not None else task)
    if name not in known:
        what = "category" if category is not None else "task"
        raise refuse(
            404, f"no {what} '{name}'", f"there are {listed(list(known))}", did_you_mean(name, known)
        )
    return Targets(targets=tuple(targets(drafted, category=category, task=task)))


OPERATIONS = (
    Operation(
        "GET", "/plan", plan, "What is to be done for the file, and for the draft", Plans, query=Wanted
    ),
    Operation("GET", "/targets", find_targets, "What connecting each pair would say", Targets, query=Pair),
)
