"""The guard, before an application that takes what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from legonet.errors import GraphError, Problem
from legonet.web.faults import HANDLERS
from legonet.web.guard import Guard, Rules


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _fails(request: Request) -> Response:
    raise GraphError.of(Problem("found this", "expected that", "correct it", "zoo.yaml", 3, 4, "tasks.a"))


async def _breaks(request: Request) -> Response:
    raise ZeroDivisionError


def _app(**rules: Any) -> Guard:
    routes = [
        Route("/", _echo, methods=["GET", "POST"]),
        Route("/healthz", _echo),
        Route("/fails", _fails),
        Route("/breaks", _breaks),
    ]
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 80, **rules}
    return Guard(Starlette(routes=routes, exception_handlers=HANDLERS), Rules(**given))


def _client(**rules: Any) -> TestClient:
    return TestClient(_app(**rules), "http://127.0.0.1", raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("bound", "host", "ours"),
    [
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "LOCALHOST:8000", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1:80", False),
        ("127.0.0.1", "127.0.0.2:8000", False),
        ("127.0.0.1", "evil.example:8000", False),
        ("127.0.0.1", "127.0.0.1:8000@evil.example:8000", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", ":8000", False),
        ("::1", "[::1]:8000", True),
        ("::1", "::1:8000", False),
        ("0.0.0.0", "192.168.1.7:8000", True),  # noqa: S104 - what a user may ask for
        ("0.0.0.0", "evil.example:8000", False),  # noqa: S104
        ("192.168.1.7", "192.168.1.7:8000", True),
        ("192.168.1.7", "localhost:8000", False),
        ("192.168.1.7", "vision.example.org", True),
        ("192.168.1.7", "Vision.example.org:443", True),
        ("192.168.1.7", "vision.example.org.evil.example", False),
    ],
)
def test_whose_host(bound: str, host: str, ours: bool) -> None:
    assert Rules(bound, 8000, names=("vision.example.org",)).is_ours(host) is ours


def test_the_token_is_asked_for_where_it_protects() -> None:
    client = _client(token="s" * 32, protected="/f", free=("/healthz",))
    assert client.get("/").status_code == 200
    assert client.get("/fails").status_code == 401
    assert client.get("/fails", headers={"x-legonet-token": "s" * 32}).status_code == 422
    assert client.get("/fails", headers={"authorization": "Bearer " + "s" * 32}).status_code == 422


def test_probes_need_neither_token_nor_name() -> None:
    client = _client(token="s" * 32, free=("/healthz",))
    assert client.get("/healthz", headers={"host": "10.0.0.3:9999"}).status_code == 200
    assert client.get("/healthz/", headers={"host": "10.0.0.3:9999"}).status_code == 421
    assert client.get("/").status_code == 401


def test_faults_are_the_errors_own_data() -> None:
    answer = _client().get("/fails")
    assert answer.json() == {
        "problems": [
            {
                "text": "zoo.yaml:3:4: tasks.a: found this; expected that; correct it",
                "found": "found this",
                "expected": "expected that",
                "advice": "correct it",
                "file": "zoo.yaml",
                "line": 3,
                "column": 4,
                "key": "tasks.a",
            }
        ]
    }


def test_a_bug_tells_the_log_and_no_client(caplog: pytest.LogCaptureFixture) -> None:
    answer = _client().get("/breaks")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "a bug in legonet" in answer.json()["problems"][0]["text"]
    assert "ZeroDivisionError" in caplog.text


def test_bodies_have_an_end() -> None:
    client = _client(body=100)
    assert client.post("/", content=b"x" * 100).text == "100"
    assert client.post("/", content=b"x" * 101).status_code == 413
    assert client.post("/", content=iter([b"x" * 60, b"x" * 60])).status_code == 413


def _ask(app: Guard, parts: Sequence[bytes], pause: float) -> list[dict[str, Any]]:
    """Send a body in parts that come with pauses; what the server says."""
    left, sent = list(parts), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if not left:  # a client that stays, and says no more
            await asyncio.sleep(60)
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }
    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("pause", "patience"),
    [(0.05, 60.0), (60.0, 0.05)],
    ids=["a part that does not come", "parts that come for ever"],
)
def test_slow_bodies_are_given_up(pause: float, patience: float) -> None:
    parts = [b"x"] * 10 if pause == 0.05 else [b"x"] * 10_000
    answers = _ask(_app(pause=pause, patience=patience), parts, 0.0 if pause == 0.05 else 0.01)
    assert answers[0]["status"] == 408
    assert (b"connection", b"close") in answers[0]["headers"]


def test_web_sockets_are_refused() -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(_app()({"type": "websocket", "path": "/", "headers": []}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
