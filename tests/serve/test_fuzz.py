"""Requests that are drawn from the OpenAPI description, right ones and wrong ones; answers keep to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings

from legonet.compile.network import CompiledNetwork
from legonet.serve import description as said
from legonet.serve.secured import Place, secured
from legonet.web.server import bind
from tests.serve.conftest import HOST, OPTIONS

schemathesis: Any = pytest.importorskip("schemathesis")

FEW, MANY = 24, 10_000
EVERY = [
    ("POST", said.PREDICT),
    *(("GET", path) for path in (said.NETWORK, said.DESCRIPTION, said.HEALTH, said.READY, said.METRICS)),
]
SEEN: Counter[int] = Counter()


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


def fuzz(schema: Any, method: str, path: str, examples: int) -> None:
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    modes = [schemathesis.GenerationMode.POSITIVE]
    if method == "POST":  # the others take nothing that could be wrong
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    for mode in modes:

        @settings(
            max_examples=examples // len(modes),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
        )
        @given(case=schema[path][method].as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            # What is rightly formed is refused all the same: random bytes are no image.
            answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
            SEEN[answer.status_code] += 1
            assert answer.status_code < 500

        ask()


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_some_requests(schema: Any, method: str, path: str) -> None:
    fuzz(schema, method, path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_ten_thousand_requests(schema: Any, method: str, path: str) -> None:
    fuzz(schema, method, path, MANY)
    print(f"{method} {path}: {sum(SEEN.values()):,} requests so far, by status {dict(sorted(SEEN.items()))}")
