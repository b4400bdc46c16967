"""Runs: started, watched, stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from legonet.studio.children import Child
from legonet.studio.models.runs import Made, NewMeasure, NewRun, Run, Runs
from legonet.studio.operations import Asked, Operation, Reply
from legonet.studio.run_log import LONGEST, event_of, lines_after
from legonet.studio.studio import Studio
from legonet.web.faults import refuse

LOOK = 0.25  # seconds between two looks at a log
HEART = 15.0  # seconds after which something is said, so that a closed browser is noticed
STREAMS = 16


def start(studio: Studio, asked: Asked) -> Reply:
    """Start a run."""
    child = studio.runs.start(asked.body, studio.saved())
    return Reply(Made(id=child.id), {"location": f"/api/v1/runs/{child.id}"})


def measure(studio: Studio, asked: Asked) -> Made:
    """Measure what is built on labelled images."""
    return Made(id=studio.measures.start(asked.body, studio.saved()).id)


def all_runs(studio: Studio, asked: Asked) -> Runs:
    """Runs of this network."""
    return Runs(runs=tuple(studio.runs.all(studio.draft.now().loaded.graph.name)))


def one(studio: Studio, asked: Asked) -> Run:
    """A run."""
    return studio.runs.find(asked.path["id"], studio.draft.now().loaded.graph.name)


def stop(studio: Studio, asked: Asked) -> Run:
    """Interrupt a run."""
    studio.runs.children.find(asked.path["id"]).stop()
    return one(studio, asked)


def events(studio: Studio, asked: Asked) -> Response:
    """What a run says, as it says it."""
    child = studio.runs.children.find(asked.path["id"])
    last = asked.headers.get("last-event-id", "0")
    if not (last.isascii() and last.isdigit() and len(last) < 16):
        raise refuse(
            422, f"Last-Event-ID {last[:40]!r}", "expected the number of an event", key="Last-Event-ID"
        )
    if studio.streams >= STREAMS:
        raise refuse(429, f"{STREAMS} streams are open", advice="close one")
    return StreamingResponse(_stream(studio, child, int(last)), media_type="text/event-stream")


async def _stream(studio: Studio, child: Child, last: int) -> AsyncIterator[str]:
    """Events after the one of a number; at the end one called `end`."""
    offset = number = 0
    silent = 0.0
    studio.streams += 1
    try:
        while not studio.closed:
            alive = await run_in_threadpool(child.alive)
            lines, after = await run_in_threadpool(lines_after, child.output, offset)
            said = []
            for line in lines:
                number += 1
                if number > last and len(line) <= LONGEST and (event := event_of(line)) is not None:
                    said.append(f"id: {number}\ndata: {json.dumps(event)}\n\n")
            if said:
                yield "".join(said)
            if not alive and after == offset:
                run = await run_in_threadpool(studio.runs.find, child.id, "")
                yield f"event: end\ndata: {json.dumps({'state': run.state, 'message': run.message})}\n\n"
                return
            silent = 0.0 if said else silent + LOOK
            if silent >= HEART:
                silent = 0.0
                yield ": still at work\n\n"
            if after == offset:
                await asyncio.sleep(LOOK)
            offset = after
    finally:
        studio.streams -= 1


OPERATIONS = (
    Operation("POST", "/runs", start, "Start a run", Made, NewRun, status=201, writes=True, faults=(409,)),
    Operation(
        "POST",
        "/measures",
        measure,
        "Measure what is built on labelled images; GET /graph has the figures then",
        Made,
        NewMeasure,
        status=201,
        writes=True,
        faults=(409,),
    ),
    Operation("GET", "/runs", all_runs, "Runs of this network, the newest first", Runs, kind="files"),
    Operation("GET", "/runs/{id}", one, "A run", Run, kind="files"),
    Operation("POST", "/runs/{id}/stop", stop, "Interrupt a run", Run, writes=True, kind="files"),
    Operation(
        "GET",
        "/runs/{id}/events",
        events,
        "What a run says, as it says it; an event called `end` is the last",
        kind="files",
        faults=(429,),
        headers={"last-event-id": "the number of the last event that was seen"},
        media="text/event-stream",
    ),
)
