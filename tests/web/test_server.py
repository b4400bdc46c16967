"""A real server on loopback: it ends well when it is told to, and waits for nobody for ever."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from legonet.errors import SelectError
from legonet.web.server import bind

_SERVER = """
import sys, legonet.web.server as server
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
server.HEADERS = 0.3
async def page(request):
    return PlainTextResponse("here")
listening = server.bind("127.0.0.1", 0)
print(listening.getsockname()[1], flush=True)
server.serve(Starlette(routes=[Route("/", page)]), listening, 1)
print("closed", flush=True)
"""


@contextmanager
def _served() -> Iterator[tuple[subprocess.Popen[str], int]]:
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_well_and_waits_for_no_head(told: signal.Signals) -> None:
    with _served() as (process, port):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")  # and no end
            with socket.create_connection(("127.0.0.1", port), timeout=20) as other:
                other.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"here" in _until(other, b"here")
                other.sendall(b"GET / HTTP/1.1\r\nHost")  # a second one that does not end
                assert other.recv(1000) == b""
            assert slow.recv(1000) == b""
        process.send_signal(told)
        output, _ = process.communicate(timeout=20)
        assert (output, process.returncode) == ("closed\n", 0)


def _until(connection: socket.socket, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        part = connection.recv(1000)
        assert part, found
        found += part
    return found


def test_an_address_that_cannot_be_had() -> None:
    refused = pytest.raises(SelectError, match=r"cannot be listened to .*; choose another --port")
    with bind("127.0.0.1", 0) as taken, refused:
        bind("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(SelectError, match="cannot be listened to"):
        bind("203.0.113.1", 0)
