"""What paths say of images, as JSON."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from legonet.data.photos import Photo
from legonet.graph.result import Result
from legonet.serve.images import size_of


class PathResult(BaseModel):
    """What a path says of an image: `Result.data()`, whose keys depend on the task's kind."""

    model_config = ConfigDict(extra="allow")
    mask: str | None = Field(None, description="With masks=true, of tasks that draw: a data: URL of a PNG.")


class ImageResult(BaseModel):
    """What each path says of an image."""

    image: str
    width: int
    height: int
    results: dict[str, PathResult]


class Answer(BaseModel):
    """A result for each image, in the order in which they were given."""

    predictions: list[ImageResult]


def answer_data(
    photos: Sequence[Photo], results: Sequence[Mapping[str, Result]], masks: bool
) -> dict[str, Any]:
    """The answer as plain data; numbers that are none become null, since JSON has no word for them.

    Args:
        photos: The images.
        results: What each path says of each.
        masks: Whether what has a picture, such as a mask, comes with it.
    """
    return {
        "predictions": [
            {
                "image": photo.name,
                "width": size_of(photo)[1],
                "height": size_of(photo)[0],
                "results": {
                    path: _result(result, size_of(photo) if masks else None) for path, result in each.items()
                },
            }
            for photo, each in zip(photos, results, strict=True)
        ]
    }


def _result(result: Result, drawn: tuple[int, int] | None) -> dict[str, Any]:
    """The result's data, and its picture for a photo of that height and width."""
    data = _finite(result.data())
    picture = None if drawn is None else result.alone((drawn[1], drawn[0]))
    if picture is not None:
        file = io.BytesIO()
        picture.save(file, "PNG")
        data["mask"] = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return data


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
    return value
