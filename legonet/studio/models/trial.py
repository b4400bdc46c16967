"""Trying images."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from legonet.studio.models.base import Answer


class Sample(Answer):
    """An image that is at hand."""

    name: str
    width: int
    height: int


class Samples(Answer):
    """Images of the workspace, and those that come with legonet."""

    samples: tuple[Sample, ...]


class Said(Answer):
    """What a network says of an image."""

    result: dict[str, Any] = Field(description="as `legonet predict --json` gives it")
    text: str = Field(description="the same in words")
    mask: str | None = Field(description="PNG of the mask, of the image's size, as a data: URL")


class PathResult(Said):
    """What a path says of an image, and its teacher."""

    path: str
    teacher: Said | None = Field(description="None where it has none, or it cannot be read")


class Predicted(Answer):
    """What paths say of one image."""

    width: int
    height: int
    results: tuple[PathResult, ...]
