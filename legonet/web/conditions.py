"""Under which conditions a server begins: with its extra, and with a token where others can reach it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager

from legonet.errors import SelectError

SHORTEST = 32  # characters of a token
# Of the extras `serve` and `studio`, as they are imported.
_PARTS = ("starlette", "uvicorn", "python_multipart", "anyio", "prometheus_client", "h11")


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports that need an extra, called as the command that has it.

    Args:
        name: `serve` or `studio`.

    Raises:
        SelectError: A part of the extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PARTS:
            raise
        raise SelectError(
            f"legonet {name}: {error.name} is not installed; expected the extra `{name}`; run: "
            f"pip install 'legonet[{name}]'"
        ) from error


def expect_safe(host: str, token: str | None) -> None:
    """Refuse an address that others can reach without a token.

    Args:
        host: What is listened to.
        token: What requests have to know, as it was given.

    Raises:
        SelectError: It is one, or the token is none.
    """
    if token is not None and (len(token) < SHORTEST or not token.isascii() or not token.isalnum()):
        raise SelectError(f"token: expected {SHORTEST} letters and digits or more; take a longer one")
    if token is None and not _is_loopback(host):
        raise SelectError(
            f"host {host}: others could reach it; expected a token of {SHORTEST} letters and digits or "
            "more; put one into LEGONET_TOKEN, such as of: openssl rand -hex 32"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
