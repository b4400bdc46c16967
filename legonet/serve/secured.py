"""Where a network is served, and who may ask."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from starlette.types import ASGIApp

from legonet.compile.network import CompiledNetwork
from legonet.errors import SelectError
from legonet.serve.app import make_app
from legonet.serve.description import FREE
from legonet.serve.options import ServeOptions
from legonet.web.guard import Guard, Rules

SHORTEST = 32  # characters of a token
PATIENCE = 60.0  # seconds that a whole body may take


@dataclass(frozen=True)
class Place:
    """Where a network is served.

    Attributes:
        host: The address that it listens to.
        port: The port.
        token: What requests have to know; None: nothing.
        names: By what clients call it besides, each as the header `Host` has it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    names: tuple[str, ...] = ()

    def at(self, port: int) -> Place:
        """The same, once the port is known."""
        return replace(self, port=port)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def expect_safe(place: Place) -> None:
    """Refuse a place that others can reach without a token.

    Raises:
        SelectError: It is one, or the token is none.
    """
    token = place.token
    if token is not None and (len(token) < SHORTEST or not token.isascii() or not token.isalnum()):
        raise SelectError(f"token: expected {SHORTEST} letters and digits or more; take a longer one")
    if token is None and not _is_loopback(place.host):
        raise SelectError(
            f"host {place.host}: others could reach it; expected a token of {SHORTEST} letters and digits or "
            "more; put one into LEGONET_TOKEN, such as of: openssl rand -hex 32"
        )


def secured(network: CompiledNetwork, options: ServeOptions, place: Place) -> ASGIApp:
    """The application that serves a network, with the guard in front of it.

    Args:
        network: For images, which `Network.compile` made.
        options: How much is computed together, and taken in.
        place: Where it is served.

    Raises:
        SelectError: Others could reach it without a token.
        DataError: The network was joined by hand, or takes images by category.
    """
    expect_safe(place)
    rules = Rules(
        place.host,
        place.port,
        place.token,
        free=FREE,
        names=tuple(each.lower() for each in place.names),
        body=options.body,
        patience=PATIENCE,
    )
    return Guard(make_app(network, options, secured=place.token is not None), rules)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
