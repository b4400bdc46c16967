"""Exports: started, looked at, taken home."""

from __future__ import annotations

from starlette.responses import FileResponse, Response

from legonet.studio.models.exports import Export, Exports, NewExport
from legonet.studio.models.runs import Made
from legonet.studio.operations import Asked, Operation, Reply
from legonet.studio.studio import Studio


def start(studio: Studio, asked: Asked) -> Reply:
    """Start to write paths as one network."""
    graph = studio.saved().graph
    child = studio.exports.start(asked.body.paths, asked.body.form, graph.name)
    return Reply(Made(id=child.id), {"location": f"/api/v1/exports/{child.id}"})


def all_exports(studio: Studio, asked: Asked) -> Exports:
    """Exports, the newest first."""
    return Exports(exports=tuple(studio.exports.shown(each) for each in studio.exports.children.all()[:50]))


def one(studio: Studio, asked: Asked) -> Export:
    """An export."""
    return studio.exports.shown(studio.exports.children.find(asked.path["id"]))


def file(studio: Studio, asked: Asked) -> Response:
    """What was written."""
    path = studio.exports.file(studio.exports.children.find(asked.path["id"]))
    name = f"{studio.draft.now().loaded.graph.name}{path.suffix}"
    return FileResponse(path, media_type="application/octet-stream", filename=name)


OPERATIONS = (
    Operation(
        "POST",
        "/exports",
        start,
        "Start to write paths as one network",
        Made,
        NewExport,
        status=201,
        writes=True,
        faults=(409,),
    ),
    Operation("GET", "/exports", all_exports, "Exports, the newest first", Exports, kind="files"),
    Operation("GET", "/exports/{id}", one, "An export", Export, kind="files"),
    Operation(
        "GET",
        "/exports/{id}/file",
        file,
        "What was written; a folder as a zip file",
        kind="files",
        faults=(409,),
        media="application/octet-stream",
    ),
)
