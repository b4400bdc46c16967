"""The draft: its state, its edits, and how it differs from what is on disk."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from legonet.graph.editing.operations import Edit, Section
from legonet.render.view import State as EdgeState
from legonet.studio.models.base import Answer, Cost, ProblemData, Request, Shape


class Brick(Answer):
    """A category."""

    name: str
    label: str = Field(description="how people call it")
    port: Shape | None = Field(description="of the features that it gives: channels, height, width")
    teacher: str | None = Field(description="that gives its module")
    caption: str
    built: bool


class TaskBrick(Answer):
    """A task."""

    name: str
    port: Shape | None = Field(description="of the features that it takes: channels, height, width")
    teacher: str | None = Field(description="that gives its module")
    caption: str
    built: bool
    kind: str = Field(description="of its output, such as binary")
    labels: tuple[str, ...] = Field(description="of the output's values; may name {category}")
    output: dict[str, Any] = Field(description="as in the graph file")
    adapter: dict[str, Any] = Field(description="of each edge to it that has none of its own")


class TeacherBrick(Answer):
    """A teacher."""

    number: int = Field(description="of its arrival, from 1")
    name: str
    category: str
    task: str
    model: str
    weights: str
    cut: str
    quality: float | None
    caption: str
    gave_category: bool
    gave_task: bool


class Edge(Answer):
    """A path that is connected, or whose adapter is to be removed."""

    path: str
    category: str
    task: str
    connected: bool = Field(description="false for one that only the plan removes")
    state: EdgeState
    reason: str
    teacher: str | None
    method: str = Field(description="by which its adapter is fitted; empty where there is none")
    adapter: dict[str, Any] | None = Field(description="its settings; None for one that needs none")
    own: bool = Field(description="whether the graph file has an entry of its own for it")
    layers: tuple[str, ...] = Field(description="of the adapter, in words")
    notes: tuple[str, ...] = Field(description="of its fit")
    weak: bool
    agreement: float | None = Field(description="with its teacher on real images, estimated, from 0 to 1")
    agreement_from: float | None
    agreement_to: float | None
    measure: str = Field(description="of the next three, such as error; empty where nothing was measured")
    error: float | None = Field(description="as it was measured")
    teacher_error: float | None
    unadapted_error: float | None
    quality: dict[str, float] = Field(description="all that the fit measured")
    cost: Cost | None


class Place(Answer):
    """A brick's middle and size, in points; x to the right, y downwards."""

    x: float
    y: float
    width: float
    height: float


class Measuring(Answer):
    """The measuring of what is built on labelled images."""

    running: bool
    data: str = Field(description="where the images come from, or came from the last time; empty: not known")
    message: str = Field(description="why the last measuring gave no figure")


class State(Answer):
    """The draft, and all that is known of it."""

    file: str
    name: str
    revision: int = Field(description="counts the draft's changes; edits name the one that they were made on")
    etag: str = Field(description="sha256 of the file on disk that the draft started from")
    can_undo: bool
    can_redo: bool
    dirty: bool = Field(description="the draft is not what the file says")
    changed_outside: bool = Field(description="the file is not what it was when it was read")
    read_only: bool
    graph: dict[str, Any] = Field(description="as in a graph file")
    categories: tuple[Brick, ...]
    tasks: tuple[TaskBrick, ...]
    teachers: tuple[TeacherBrick, ...]
    edges: tuple[Edge, ...]
    applications: dict[str, tuple[str, ...]]
    layout: dict[str, Place] = Field(description="by category:NAME, task:NAME and path")
    blocks: tuple[str, ...]
    methods: dict[str, Any] = Field(description="JSON Schema of each method's settings")
    measuring: Measuring
    problems: tuple[ProblemData, ...] = Field(description="why a part of this is not known")


class Edits(Request):
    """Edits that are made all, or none of them."""

    revision: int
    edits: list[Edit] = Field(min_length=1, max_length=1000)


class Revision(Request):
    """What the sender takes the draft to be."""

    revision: int


class Target(Answer):
    """What connecting a pair would say."""

    path: str
    legal: bool
    connected: bool = Field(description="it is connected already")
    message: str = Field(description="why not; or, where it is legal, what to know of it")


class Targets(Answer):
    """Of one category, or of one task."""

    targets: tuple[Target, ...]


class DiffEntry(Answer):
    """An entry of the graph file that differs."""

    section: Section
    name: str
    change: Literal["added", "changed", "removed"]


class Diff(Answer):
    """How the draft differs."""

    against: Literal["disk", "head"]
    text: str = Field(description="unified diff of the texts")
    entries: tuple[DiffEntry, ...]
