"""Where a network is served, and who may ask."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.types import ASGIApp

from legonet.compile.network import CompiledNetwork
from legonet.serve.app import make_app
from legonet.serve.description import FREE
from legonet.serve.options import ServeOptions
from legonet.web.conditions import expect_safe
from legonet.web.guard import Guard, Rules

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
    expect_safe(place.host, place.token)
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
