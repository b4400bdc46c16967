"""What can be done to a graph file, as values that travel: between processes, to and from a browser."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Section = Literal["categories", "tasks", "adapters", "teachers", "applications"]
SECTIONS: tuple[Section, ...] = get_args(Section)
WORDS: dict[str, str] = dict(
    zip(SECTIONS, ("category", "task", "adapter", "teacher", "application"), strict=True)
)
Entry = dict[str, Any] | list[Any]


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Add(_Operation):
    """Add an entry, as the last of its section."""

    op: Literal["add"] = "add"
    section: Section
    name: str
    entry: Entry = Field(default={}, description="as in a graph file; of an application its paths")


class Change(_Operation):
    """Give an entry other settings; what is equal is left as it is written."""

    op: Literal["change"] = "change"
    section: Section
    name: str
    entry: Entry = Field(description="all of it, as in a graph file; a setting that it lacks is removed")


class Rename(_Operation):
    """Give an entry another name; whatever refers to it follows, and so do variants: cat@2 of cat."""

    op: Literal["rename"] = "rename"
    section: Section
    name: str
    to: str


class Remove(_Operation):
    """Remove an entry."""

    op: Literal["remove"] = "remove"
    section: Section
    name: str
    references: bool = Field(default=False, description="also remove what depends on it; else it is refused")


class Connect(_Operation):
    """Connect a category and a task by an adapter; of a path that has one, its settings change."""

    op: Literal["connect"] = "connect"
    path: str
    adapter: dict[str, Any] | None = Field(
        default=None,
        description="its settings as in a graph file; default: those of the path, or of its task",
    )
    settings: dict[str, Any] = Field(default={}, description="what differs from these")


class Disconnect(_Operation):
    """Remove a path's adapter."""

    op: Literal["disconnect"] = "disconnect"
    path: str
    references: bool = Field(default=False, description="also remove what depends on it; else it is refused")


class Span(_Operation):
    """A part of a text, and what takes its place."""

    start: int = Field(ge=0, description="in characters from the text's beginning")
    old: str
    new: str


class Restore(_Operation):
    """Take an edit back: the inverse of one. It is made by `apply_edit`, and fits one text only."""

    op: Literal["restore"] = "restore"
    sha256: str = Field(description="of the text that it fits, as UTF-8")
    spans: tuple[Span, ...]


Edit = Annotated[
    Add | Change | Rename | Remove | Connect | Disconnect,
    Field(discriminator="op"),
]
EDIT: TypeAdapter[Edit] = TypeAdapter(Edit)
