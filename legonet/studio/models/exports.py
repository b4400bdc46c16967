"""Exports."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from legonet.studio.models.base import Answer, Pattern, Request


class NewExport(Request):
    """What is to be written."""

    paths: list[Pattern] = Field(
        default=[], max_length=10_000, description="paths and applications; default: all"
    )
    form: Literal["pt2", "onnx", "folder"]


class Export(Answer):
    """A network that is, or was, written as one file that runs without legonet."""

    id: str
    form: Literal["pt2", "onnx", "folder"]
    state: Literal["running", "done", "failed", "lost"]
    paths: tuple[str, ...]
    bytes: int | None
    difference: float | None = Field(description="of its outputs, read again, to those of the network")
    explain: dict[str, Any] | None = Field(description="as `legonet compile --explain --json` gives it")
    table: str = Field(description="the same as people read it")
    message: str


class Exports(Answer):
    """Those that are there, the newest first."""

    exports: tuple[Export, ...]
