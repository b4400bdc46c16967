"""The bases of requests and answers, and what several families have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from legonet.graph.fields import Model

Shape = tuple[int, ...]
# Of a command line, where a dash begins an option.
Pattern = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-][^\x00-\x1f\x7f]*$")]


class Request(Model):
    """Base of bodies: strict, no unknown keys."""


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProblemData(Answer):
    """One thing that is wrong."""

    text: str = Field(description="all of it as a person reads it")
    found: str
    expected: str
    advice: str
    file: str
    line: int | None
    column: int | None
    key: str


class Problems(Answer):
    """Why a request was refused."""

    problems: tuple[ProblemData, ...]


class Cost(Answer):
    """An estimate of what a job takes on this machine."""

    seconds: float | None
    memory: int | None = Field(description="bytes at its peak")
    basis: str = Field(description="where the numbers come from, in words")
    operations: int | None
    passes: int | None = Field(description="the same as passes of one example through the task module")


class Health(Answer):
    """That the server is there."""

    status: str
    version: str
    read_only: bool
    graph: str = Field(description="the graph file")
    writes_code: bool = Field(description="always false: no request makes code run")
