"""The draft: read, changed, saved."""

from __future__ import annotations

from typing import Literal

from starlette.responses import JSONResponse

from legonet import __version__
from legonet.graph.json_schema import graph_schema
from legonet.studio.differences import committed, difference
from legonet.studio.models.base import Health, Request
from legonet.studio.models.graph import Diff, Edits, Revision, State
from legonet.studio.operations import Asked, Operation, Reply
from legonet.studio.studio import Studio
from legonet.web.faults import refuse

ETAG = {"if-match": "the ETag of GET /graph"}


def shown(studio: Studio) -> Reply:
    """The state with the file's ETag."""
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
    return shown(studio)


def edit(studio: Studio, asked: Asked) -> Reply:
    """Change the draft."""
    studio.draft.edit(asked.body.revision, asked.body.edits)
    return shown(studio)


def undo(studio: Studio, asked: Asked) -> Reply:
    """Take back the last change."""
    studio.draft.undo(asked.body.revision)
    return shown(studio)


def redo(studio: Studio, asked: Asked) -> Reply:
    """Make it again."""
    studio.draft.redo(asked.body.revision)
    return shown(studio)


def discard(studio: Studio, asked: Asked) -> Reply:
    """Go back to what the file said."""
    studio.draft.discard(asked.body.revision)
    return shown(studio)


def save(studio: Studio, asked: Asked) -> Reply:
    """Write the draft into the file."""
    etag = asked.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    if not etag:
        advice = "send the ETag of GET /graph"
        raise refuse(428, "no If-Match", "expected the file's ETag", advice, key="If-Match")
    studio.draft.save(etag)
    return shown(studio)


def reload(studio: Studio, asked: Asked) -> Reply:
    """Take the file as it is now."""
    studio.draft.reload()
    return shown(studio)


class Against(Request):
    """With what the draft is compared."""

    against: Literal["disk", "head"] = "disk"


def diff(studio: Studio, asked: Asked) -> Diff:
    """How the draft differs."""
    against, now = asked.query.against, studio.draft.now()
    before = committed(studio.path) if against == "head" else now.disk
    return difference(studio.path, before, now, against)


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
    Operation("GET", "/diff", diff, "How the draft differs", Diff, query=Against, kind="files"),
    Operation("POST", "/reload", reload, "Take the file as it is now as the draft", State, writes=True),
)
