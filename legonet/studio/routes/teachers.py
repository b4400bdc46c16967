"""Weights and models that become teachers."""

from __future__ import annotations

from starlette.datastructures import UploadFile

from legonet.studio.found import find_weights, found_weights
from legonet.studio.models.graph import State
from legonet.studio.models.teachers import AllFound, Inspect, Inspected, NewTeacher, Upload
from legonet.studio.operations import Asked, Operation, Reply
from legonet.studio.routes.graph import shown
from legonet.studio.studio import Studio
from legonet.web.faults import refuse

FORM = {"file": {"type": "string", "format": "binary", "description": "safetensors, or of torch.save"}}


def upload(studio: Studio, asked: Asked) -> Upload:
    """Take weights in."""
    file = asked.form.get("file")
    if not isinstance(file, UploadFile):
        raise refuse(422, "no file", "expected one of weights in `file`", key="file")
    return studio.uploads.take(file.file)


def found(studio: Studio, asked: Asked) -> AllFound:
    """Weights that lie beside the graph file and that no teacher of the draft uses."""
    graph = studio.draft.now().loaded.graph
    return AllFound(weights=found_weights(graph, studio.path, studio.workspace))


def inspect(studio: Studio, asked: Asked) -> Inspected:
    """Where a model can be cut."""
    from legonet.studio import bring

    upload, found = asked.body.upload, asked.body.weights
    if upload is not None and found is not None:
        raise refuse(422, "two files", "expected either an upload or weights", key="weights")
    if found is not None:
        weights = find_weights(found, studio.draft.now().loaded.graph, studio.path)
        return bring.inspect(asked.body, studio.workspace, weights, found)
    weights = None if upload is None else studio.uploads.find(upload)
    return bring.inspect(asked.body, studio.workspace, weights)


def add(studio: Studio, asked: Asked) -> Reply:
    """Add a teacher to the graph file."""
    from legonet.studio import bring

    weights = studio.uploads.find(asked.body.upload)
    studio.saved()
    bring.add(asked.body, studio.path, studio.workspace, weights)
    studio.draft.reload()
    return shown(studio)


OPERATIONS = (
    Operation(
        "POST",
        "/uploads",
        upload,
        "Take weights in",
        Upload,
        form=FORM,
        status=201,
        writes=True,
        kind="torch",
    ),
    Operation(
        "GET",
        "/weights",
        found,
        "Weights beside the graph file that no teacher uses; an edit can make a teacher of them",
        AllFound,
        kind="files",
    ),
    Operation("POST", "/inspect", inspect, "Where a model can be cut", Inspected, Inspect, kind="torch"),
    Operation(
        "POST",
        "/teachers",
        add,
        "Add a teacher to the graph file; the draft has to be saved, and is read again",
        State,
        NewTeacher,
        writes=True,
        kind="torch",
        faults=(409,),
    ),
)
