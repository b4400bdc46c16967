"""The studio as an ASGI application."""

from __future__ import annotations

from pathlib import Path

import python_multipart  # noqa: F401 - starlette reads forms with it, and misses it only then
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from legonet.studio.openapi import PREFIX, describe
from legonet.studio.operations import Operation
from legonet.studio.routes import OPERATIONS
from legonet.studio.studio import Studio
from legonet.web.faults import HANDLERS, refuse
from legonet.web.guard import MIB, Guard, Rules

PAGE = Path(__file__).parent / "static"
UPLOAD = 2**30  # bytes of a file of weights
IMAGE = 64 * MIB
BODIES = {f"{PREFIX}/uploads": UPLOAD + MIB, f"{PREFIX}/predict": IMAGE + MIB}


def make_app(studio: Studio, rules: Rules) -> ASGIApp:
    """The application.

    Args:
        studio: Whose API it is.
        rules: Of who may ask, and how much.
    """
    routes = [_route(studio, each) for each in OPERATIONS]
    document = describe(OPERATIONS)

    async def openapi(request: Request) -> Response:
        return JSONResponse(document)

    async def page(request: Request) -> Response:
        if not (PAGE / "index.html").is_file():
            raise refuse(404, "the page is not built", advice="run: make studio")
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    routes += [Route(f"{PREFIX}/openapi.json", openapi), Route("/", page)]
    assets = Mount("/assets", StaticFiles(directory=PAGE / "assets", check_dir=False))
    return Guard(Starlette(routes=[*routes, assets], exception_handlers=HANDLERS), rules)


def _route(studio: Studio, operation: Operation) -> Route:
    async def endpoint(request: Request) -> Response:
        return await operation(studio, request)

    return Route(
        PREFIX + operation.path,
        endpoint,
        methods=[operation.method],
        name=f"{operation.method} {operation.path}",
    )
