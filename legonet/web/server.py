"""Runs an application by uvicorn until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from legonet.errors import SelectError

MOST_AT_ONCE = 128  # connections
HEADERS = 20.0  # seconds that the head of a request may take
GRACE = 3.0  # seconds that requests have to end in


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: An address or a name.
        port: 0 for any that is free.

    Raises:
        SelectError: It cannot be had.
    """
    try:
        kind, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(kind, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(MOST_AT_ONCE)
        except BaseException:
            listening.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SelectError(
            f"{host}:{port}: cannot be listened to ({reason}); expected an address of this machine and a "
            "free port; choose another --port"
        ) from error
    return listening


class _Impatient(H11Protocol):
    """Connections whose next request does not come within a while of its first byte are closed."""

    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        elif self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timer is not None:
            self.timer.cancel()

    def _wait(self) -> None:
        if self.timer is None and not self.transport.is_closing():
            self.timer = self.loop.call_later(HEADERS, self.transport.close)


class _Server(uvicorn.Server):
    """A server that says when it was told to stop, so that what would go on for ever can end."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._stopping is not None:
            self._stopping()
        super().handle_exit(sig, frame)


def serve(
    app: ASGIApp,
    listening: socket.socket,
    grace: float = GRACE,
    most_at_once: int = MOST_AT_ONCE,
    stopping: Callable[[], None] | None = None,
) -> None:
    """Answer requests until SIGINT or SIGTERM; those that are begun have some seconds to end.

    Args:
        app: What answers.
        listening: The socket; it is closed at the end.
        grace: Seconds that begun requests have.
        most_at_once: Connections; those beyond are answered with 503.
        stopping: Called when the server begins to stop.
    """
    config = uvicorn.Config(
        app,
        http=_Impatient,  # h11, which bounds the size of headers
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=most_at_once,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with listening, _ended_by_signals():
        _Server(config, stopping).run(sockets=[listening])


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Being told to stop is how a server ends well: uvicorn raises the signal again when it has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, lambda *_: None) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
