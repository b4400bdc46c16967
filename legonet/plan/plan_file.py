"""Plan files: a plan as it was shown, to be carried out exactly or refused. Needs no torch."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from legonet import foreign
from legonet.errors import PlanError
from legonet.graph.checks.written import first_problem
from legonet.graph.fields import FORMAT
from legonet.graph.in_parts import counted, validated
from legonet.plan.plan import Action, Plan, PlannedEdge
from legonet.plan.reasons import short

PLAN_KEY = "legonet-plan"
_REMEDY = foreign.PLAN.advice


@dataclass(frozen=True)
class PlanFile:
    """A plan as it was agreed on.

    Attributes:
        graph: The graph file that it was made for.
        edges: By path and whether it is removed: what was to be done, and the key.
        samples: Folder of images by path, as they were given.
    """

    graph: Path
    edges: Mapping[tuple[str, bool], tuple[Action, str | None]]
    samples: Mapping[str, str] = field(default_factory=dict)

    def accept(self, plan: Plan) -> None:
        """Refuse a plan that is not this one; what was done of it already is no difference.

        Raises:
            PlanError: The world is not that of the plan any more; the message names each difference.
        """
        now = {_place(edge): edge for edge in plan.edges}
        found = [
            _difference(path, agreed, now.get((path, gone))) for (path, gone), agreed in self.edges.items()
        ]
        found += [
            f"{edge.path}: {edge.action} was not planned: {edge.reason}"
            for place, edge in now.items()
            if place not in self.edges and edge.action in ("add", "refit", "remove")
        ]
        differences = [each for each in found if each]
        if differences:
            raise PlanError(
                f"{self.graph}: has changed since it was planned; expected it as it was then; {_REMEDY}\n"
                + "\n".join(f"  {each}" for each in differences)
            )


def _place(edge: PlannedEdge) -> tuple[str, bool]:
    return edge.path, edge.action == "remove"


def _difference(path: str, agreed: tuple[Action, str | None], now: PlannedEdge | None) -> str:
    """What differs; nothing where the edge is as planned, or where it is done."""
    action, key = agreed
    if action == "remove":
        return ""  # an adapter that is gone already is as good as removed
    if now is None:
        return f"{path}: {action} was planned; there is no such path now"
    if (now.action, now.key) == agreed or (now.action == "keep" and now.key == key):
        return ""
    if now.key != key and now.key is not None and key is not None:
        return f"{path}: key {short(key)} was planned, now it is {short(now.key)}: {now.reason}"
    return f"{path}: {action} was planned, now it is {now.action}: {now.reason}"


class _Edge(BaseModel):
    model_config = ConfigDict(extra="ignore")

    path: str
    action: Action
    key: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    version: Annotated[Literal[1], Field(alias=PLAN_KEY, description=FORMAT)]
    file: str
    edges: Annotated[list[_Edge], FailFast()]
    samples: dict[str, str] = {}


def plan_text(plan: Plan, graph: Path, path: Path, samples: Mapping[str, str] | None = None) -> str:
    """The text of a plan file.

    Args:
        plan: The plan.
        graph: The plan's graph file, named relative to the plan file.
        path: The plan file.
        samples: Folder of images by path.
    """
    relative = os.path.relpath(graph.absolute(), path.absolute().parent)
    head: dict[str, Any] = {PLAN_KEY: 1, "file": Path(relative).as_posix()}
    folders = {name: str(Path(folder).absolute()) for name, folder in (samples or {}).items()}
    return json.dumps(head | {"samples": folders} | plan.data(), indent=2) + "\n"


def is_plan(path: Path) -> bool:
    """Whether a file is a plan file, by its first bytes."""
    try:
        with foreign.opened(path, foreign.PLAN, follow=True) as file:
            return PLAN_KEY.encode() in file.read(64)
    except (PlanError, OSError):
        return False


def read_plan(path: Path) -> PlanFile:
    """Read a plan file.

    Raises:
        PlanError: It cannot be read, or is none.
    """
    try:
        data = foreign.read(path, foreign.PLAN, follow=True)
        file = validated(_File, counted(data.removeprefix(codecs.BOM_UTF8)))
    except ValueError as error:  # pydantic's are
        found = first_problem(data, str(path), "plan file", _File, _REMEDY)
        raise PlanError(str(found), found.problems) from error
    edges: dict[tuple[str, bool], tuple[Action, str | None]] = {}
    for edge in file.edges:
        edges[edge.path, edge.action == "remove"] = edge.action, edge.key
    return PlanFile(path.parent / file.file, edges, file.samples)
