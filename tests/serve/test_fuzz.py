"""Requests that are drawn from the OpenAPI description, right ones and wrong ones; answers keep to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from legonet.compile.network import CompiledNetwork
from legonet.serve import description as said
from legonet.serve.secured import Place, secured
from legonet.web.server import bind
from tests.serve.conftest import HOST, OPTIONS
from tests.web.fuzzing import fuzz, tell

schemathesis: Any = pytest.importorskip("schemathesis")

FEW, MANY = 24, 10_000
EVERY = [
    ("POST", said.PREDICT),
    *(("GET", path) for path in (said.NETWORK, said.DESCRIPTION, said.HEALTH, said.READY, said.METRICS)),
]


@pytest.fixture(scope="module")
def schema(network: CompiledNetwork) -> Iterator[Any]:
    """A server on a free port, as the command starts it."""
    with bind(HOST, 0) as listening:
        port = listening.getsockname()[1]
        app = secured(network, OPTIONS, Place(HOST, port))
        server = uvicorn.Server(uvicorn.Config(app, ws="none", loop="asyncio", log_config=None, http="h11"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield schemathesis.openapi.from_url(f"http://{HOST}:{port}{said.DESCRIPTION}")
        server.should_exit = True
        thread.join(30)


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_some_requests(schema: Any, method: str, path: str) -> None:
    fuzz(schema, method, path, FEW, wrong=method == "POST")  # the others take nothing that could be wrong


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_ten_thousand_requests(schema: Any, method: str, path: str) -> None:
    fuzz(schema, method, path, MANY, wrong=method == "POST")
    tell(method, path)
