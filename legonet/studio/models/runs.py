"""Runs: what is fitted, and what was."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from legonet.graph.fields import PathName
from legonet.studio.models.base import Answer, Pattern, Request

RunState = Literal["running", "done", "failed", "stopped", "lost"]
Duration = Annotated[str, Field(max_length=20, pattern=r"^[0-9]+(\.[0-9]+)? ?(s|m|h|d)?$")]
Folder = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]


class NewRun(Request):
    """What a run is to do."""

    only: list[Pattern] = Field(default=[], max_length=10_000, description="paths or patterns; default: all")
    budget: Duration | None = Field(default=None, description="such as 10m")
    samples: dict[PathName, Folder] = Field(
        default={}, description="folders of images in the workspace, relative to its root, by path"
    )
    keep_going: bool = False


class NewMeasure(Request):
    """What is to be measured, on which labelled images."""

    data: Folder = Field(
        description="animals, or a folder in the workspace with one for each category, relative to its root"
    )
    paths: list[PathName] = Field(default=[], max_length=10_000, description="default: all that are built")


class Made(Answer):
    """What was begun."""

    id: str


class Job(Answer):
    """One path of a run."""

    path: str
    state: str = Field(description="waiting, running, done, failed, retry or planned")
    step: int | None
    steps: int | None
    loss: float | None
    seconds: float | None = Field(description="that it took, or takes up to now")
    left: float | None = Field(description="seconds that it is estimated to take still")
    quality: dict[str, float]
    notes: tuple[str, ...]
    message: str


class Run(Answer):
    """A run of this network."""

    id: str
    state: RunState
    started: float = Field(description="seconds since 1970")
    finished: float | None
    jobs: tuple[Job, ...]
    command: str = Field(description="that does the same on a command line; empty for one that is not ours")
    message: str


class Runs(Answer):
    """Runs of this network, the newest first."""

    runs: tuple[Run, ...]
