"""The plan, of the file and of the draft."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from legonet.studio.models.base import Answer, ProblemData


class Totals(Answer):
    """What a plan comes to."""

    actions: dict[str, int] = Field(description="how many edges there are of each action")
    jobs: int = Field(description="adapters to fit")
    seconds: float | None = Field(description="of the jobs whose time is known; None where it is of none")
    unknown: int = Field(description="jobs whose time is not known")
    operations: int


class PlanData(Answer):
    """A plan, as `legonet plan --json` gives it."""

    graph: str
    edges: tuple[dict[str, Any], ...]
    offers: tuple[dict[str, Any], ...]
    weak: tuple[dict[str, Any], ...] = Field(
        description="kept paths that differ from their teachers too often"
    )
    notes: tuple[str, ...] = Field(description="what is doubtful about the teachers of its jobs")
    chosen: tuple[str, ...] = Field(description="jobs that `only` and `budget` leave, in their order")
    totals: Totals = Field(description="of the chosen jobs")


class Plans(Answer):
    """What is to be done for the file as it is on disk, and for the draft."""

    before: PlanData | None = Field(description="None where the file cannot be read any more")
    after: PlanData
    problems: tuple[ProblemData, ...]
