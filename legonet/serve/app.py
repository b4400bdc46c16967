"""The application that serves one compiled network by HTTP. Needs torch, and the extra `serve`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from legonet.compile.network import CompiledNetwork
from legonet.errors import LegonetError
from legonet.serve import description as said
from legonet.serve.bodies import Bodies, read_uploads
from legonet.serve.options import ServeOptions
from legonet.serve.page import PAGE_HEADERS, description_page
from legonet.serve.service import Service
from legonet.web.faults import HANDLERS, FaultError

BODIES = 8  # of the largest size, that are held at the same time
UNUSABLE = 422  # what HANDLERS answer to errors that have no status of their own


def make_app(
    network: CompiledNetwork,
    options: ServeOptions,
    secured: bool = False,
    service: Service | None = None,
) -> Starlette:
    """Make the application; `legonet.web.guard.Guard` stands in front of it.

    Args:
        network: For images, which `Network.compile` made.
        options: How much is computed together, and taken in.
        secured: Whether the guard wants a token, which the description then says.
        service: What answers; default: one of the network.

    Raises:
        DataError: The network was joined by hand, or takes images by category.
    """
    service = service or Service(network, options)
    metrics, bodies = service.metrics, Bodies(BODIES * options.body)
    described = said.description(service.signature, options, secured)
    served = said.network_data(service.signature, options)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with service:
            yield

    async def predict(request: Request) -> Response:
        begin, status = time.perf_counter(), 500
        try:
            with metrics.in_flight.track_inprogress():
                async with bodies.body(request) as body:
                    uploads, masks = await read_uploads(request, body, options)
                    answer = JSONResponse(await service.predict(uploads, masks))
            status = answer.status_code
            return answer
        except FaultError as error:
            status = error.status
            raise
        except LegonetError:
            status = UNUSABLE
            raise
        finally:
            metrics.request(status, time.perf_counter() - begin)

    async def ready(request: Request) -> Response:
        alive = service.batcher.alive
        return JSONResponse({"status": "ready" if alive else "stopping"}, 200 if alive else 503)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def of_network(request: Request) -> Response:
        return JSONResponse(served)

    async def openapi(request: Request) -> Response:
        return JSONResponse(described)

    async def counts(request: Request) -> Response:
        return Response(metrics.text(), headers={"content-type": metrics.content_type})

    async def page(request: Request) -> Response:
        url = str(request.base_url).rstrip("/")
        return HTMLResponse(description_page(described, served, url), headers=PAGE_HEADERS)

    return Starlette(
        routes=[
            Route(said.PREDICT, predict, methods=["POST"]),
            Route(said.NETWORK, of_network),
            Route(said.DESCRIPTION, openapi),
            Route(said.HEALTH, health),
            Route(said.READY, ready),
            Route(said.METRICS, counts),
            Route("/", page),
        ],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
