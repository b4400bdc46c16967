"""A connection whose headers do not come is closed; one that is being answered is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from legonet.web import server


async def slow(request: Request) -> PlainTextResponse:
    import asyncio

    await asyncio.sleep(0.4)
    return PlainTextResponse("late, but well")


async def hurried(request: Request) -> PlainTextResponse:
    return PlainTextResponse("read nothing", 413)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(server, "HEADERS", 0.2)
    app = Starlette(routes=[Route("/", slow), Route("/large", hurried, methods=["POST"])])
    listening = server.bind("127.0.0.1", 0)
    config = uvicorn.Config(app, http=server._Impatient, ws="none", loop="asyncio", log_config=None)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, args=([listening],))
    thread.start()
    yield listening.getsockname()[1]
    running.should_exit = True
    thread.join(30)
    listening.close()


def test_headers_that_do_not_come(port: int) -> None:
    for begin in (b"", b"GET / HTTP/1.1\r\nhost: x\r\n", b"GET"):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(begin)
            assert connection.recv(1) == b""


def test_headers_of_a_second_request_that_do_not_come(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        found = b""
        while not found.endswith(b"well"):
            found += connection.recv(1000)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert connection.recv(1) == b""


def test_an_answer_may_take_longer_than_headers(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        found = b""
        while part := connection.recv(1000):
            found += part
    assert found.endswith(b"late, but well")


def go_on_sending(connection: socket.socket) -> None:
    """Whatever is answered."""
    for _ in range(3000):
        connection.sendall(b"1\r\nx\r\n")
        time.sleep(0.01)


def test_the_rest_of_a_body_that_nobody_reads_is_not_taken_for_ever(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST /large HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            go_on_sending(connection)
