"""Images: those at hand, and what paths say of one."""

from __future__ import annotations

import mimetypes
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from legonet import foreign
from legonet.graph.load import parse_graph
from legonet.studio.drafted import Drafted
from legonet.studio.models.trial import Predicted, Sample, Samples
from legonet.studio.operations import Asked, Operation
from legonet.studio.samples import samples
from legonet.studio.studio import Studio
from legonet.web.faults import refuse

FORM = {
    "image": {"type": "string", "format": "binary", "description": "an image file, or"},
    "sample": {"type": "string", "description": "the name of one that is at hand"},
    "paths": {
        "type": "array",
        "items": {"type": "string"},
        "description": "paths and applications; default: all that is built",
    },
}
MOST_PATHS = 1000


def _sides(studio: Studio) -> tuple[int, int]:
    height, width = studio.draft.now().loaded.graph.input.shape[1:]
    return height, width


def all_samples(studio: Studio, asked: Asked) -> Samples:
    """Images that are at hand."""
    from legonet.data.pictures import image_size
    from legonet.errors import DataError

    found = []
    for name, path in samples(studio.workspace, _sides(studio)).items():
        try:
            width, height = image_size(path)
        except DataError:  # no image after all
            continue
        found.append(Sample(name=name, width=width, height=height))
    return Samples(samples=tuple(found))


def sample(studio: Studio, asked: Asked) -> Response:
    """One of them."""
    name = asked.path["name"]
    path = samples(studio.workspace, _sides(studio)).get(name)
    if path is None:
        raise refuse(404, f"no sample {name[:100]!r}", key="name")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(foreign.read(path, foreign.IMAGE), media_type=kind)


def predict(studio: Studio, asked: Asked) -> Predicted:
    """What paths say of an image."""
    paths = [each for each in asked.form.getlist("paths") if each]
    if not all(isinstance(each, str) for each in paths):
        raise refuse(422, "a file", "expected names of paths and applications", key="paths")
    if len(paths) > MOST_PATHS:
        raise refuse(422, f"{len(paths)} paths", f"expected at most {MOST_PATHS}", key="paths")
    picture = _picture(studio, asked.form.get("image"), asked.form.get("sample"))
    now = studio.draft.now()
    loaded = parse_graph(now.disk, str(studio.path), studio.draft.as_json)  # what was built is the file's
    drafted: Drafted = studio.understood(loaded.graph)
    return studio.trial().predict(drafted, now.disk, picture, [str(each) for each in paths])


def _picture(studio: Studio, image: Any, name: Any) -> Any:
    from legonet.data.pictures import open_picture, read_picture

    if (image is None) == (name is None):
        found = "no image" if image is None else "two images"
        raise refuse(422, found, "expected a file in `image`, or a name in `sample`", key="image")
    if isinstance(image, UploadFile):
        return read_picture(image.file, (image.filename or "image")[:100])  # pyright: ignore[reportArgumentType]
    if not isinstance(name, str):
        raise refuse(
            422,
            "found no file in `image`, or a file in `sample`",
            "expected a file in `image`, or a name in `sample`",
            key="image",
        )
    path = samples(studio.workspace, _sides(studio)).get(name)
    if path is None:
        raise refuse(404, f"no sample {name[:100]!r}", key="sample")
    return open_picture(path)


OPERATIONS = (
    Operation("GET", "/samples", all_samples, "Images that are at hand", Samples, kind="files"),
    Operation("GET", "/samples/{name:path}", sample, "One of them", kind="files", media="image/*"),
    Operation(
        "POST", "/predict", predict, "What paths and their teachers say", Predicted, form=FORM, kind="torch"
    ),
)
