"""Runs an application by uvicorn until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from legonet.errors import SelectError

MOST_AT_ONCE = 128  # connections
HEADERS_WITHIN = 10.0  # seconds
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


def serve(app: ASGIApp, listening: socket.socket, grace: float = GRACE) -> None:
    """Answer requests until SIGINT or SIGTERM; those that are begun have some seconds to end.

    Args:
        app: What answers.
        listening: The socket; it is closed at the end.
        grace: Seconds that begun requests have.
    """
    config = uvicorn.Config(
        app,
        http=Punctual,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with listening, _ended_by_signals():
        uvicorn.Server(config).run(sockets=[listening])


class Punctual(H11Protocol):
    """A connection that is closed where headers, or the rest of a body that was refused, do not come in time.

    uvicorn itself waits for them without end; h11 bounds the size of headers.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin to wait for headers."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came; with the last of the headers a request is being answered."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._late is None:
            self._late = self.loop.call_later(HEADERS_WITHIN, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


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
