"""The draft: read, changed, saved."""

from __future__ import annotations

from starlette.responses import JSONResponse

from legonet import __version__
from legonet.graph.json_schema import graph_schema
from legonet.studio.models.base import Health
from legonet.studio.models.graph import Edits, Revision, State
from legonet.studio.operations import Asked, Operation, Reply
from legonet.studio.studio import Studio
from legonet.web.faults import refuse

ETAG = {"if-match": "the ETag of GET /graph"}


def _shown(studio: Studio) -> Reply:
    state = studio.state()
    return Reply(state, {"etag": f'"{state.etag}"'})


def health(studio: Studio, asked: Asked) -> Health:
    """That the server is there."""
    return Health(
        status="ok",
        version=__version__,
        read_only=studio.read_only,
        graph=str(studio.path),
        writes_code=False,
    )


def schema(studio: Studio, asked: Asked) -> JSONResponse:
    """The JSON Schema of graph files."""
    return JSONResponse(graph_schema())


def read(studio: Studio, asked: Asked) -> Reply:
    """The draft."""
    return _shown(studio)


def edit(studio: Studio, asked: Asked) -> Reply:
    """Change the draft."""
    edits = [each.model_dump(exclude_unset=True) for each in asked.body.edits]
    studio.draft.edit(asked.body.revision, edits)
    return _shown(studio)


def undo(studio: Studio, asked: Asked) -> Reply:
    """Take back the last change."""
    studio.draft.undo(asked.body.revision)
    return _shown(studio)


def redo(studio: Studio, asked: Asked) -> Reply:
    """Make it again."""
    studio.draft.redo(asked.body.revision)
    return _shown(studio)


def discard(studio: Studio, asked: Asked) -> Reply:
    """Go back to what the file said."""
    studio.draft.discard(asked.body.revision)
    return _shown(studio)


def save(studio: Studio, asked: Asked) -> Reply:
    """Write the draft into the file."""
    etag = asked.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    if not etag:
        advice = "send the ETag of GET /graph"
        raise refuse(428, "no If-Match", "expected the file's ETag", advice, key="If-Match")
    studio.draft.save(etag)
    return _shown(studio)


def reload(studio: Studio, asked: Asked) -> Reply:
    """Take the file as it is now."""
    studio.draft.reload()
    return _shown(studio)


OPERATIONS = (
    Operation("GET", "/health", health, "That the server is there", Health, kind="quick"),
    Operation("GET", "/schema", schema, "The JSON Schema of graph files", kind="quick"),
    Operation("GET", "/graph", read, "The draft, and all that is known of it", State),
    Operation(
        "POST",
        "/edits",
        edit,
        "Change the draft, by all edits or none",
        State,
        Edits,
        writes=True,
        faults=(409,),
    ),
    Operation(
        "POST", "/undo", undo, "Take back the last change", State, Revision, writes=True, faults=(409,)
    ),
    Operation("POST", "/redo", redo, "Make it again", State, Revision, writes=True, faults=(409,)),
    Operation(
        "POST", "/discard", discard, "Forget what was not saved", State, Revision, writes=True, faults=(409,)
    ),
    Operation(
        "POST",
        "/save",
        save,
        "Write the draft into the file",
        State,
        writes=True,
        faults=(412, 428),
        headers=ETAG,
    ),
    Operation("POST", "/reload", reload, "Take the file as it is now as the draft", State, writes=True),
)
