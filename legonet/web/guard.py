"""Who may ask, and how much: the middleware in front of every request."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from legonet.errors import LegonetError
from legonet.web.faults import answer, refuse

MIB = 2**20
TOKEN_HEADER = "x-legonet-token"  # noqa: S105 - a header's name
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob: mediastream:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
_UNREAD = (401, 403, 408, 413, 421)  # answers to requests whose bodies are not waited for


@dataclass(frozen=True)
class Rules:
    """What a server lets in.

    Attributes:
        host: The address that it is bound to.
        port: Its port.
        token: What a request has to know; None: nothing.
        protected: Paths that begin so need the token.
        names: Further names that it is called by, such as `vision.example.org` or `localhost:8080`; one
            without a port goes with any.
        free: Paths that need neither the token nor a Host of ours, such as those of probes.
        body: Bytes that a request may have.
        bodies: Bytes by the beginning of a path, where it is not `body`.
        pause: Seconds that a part of a body may take.
        patience: Seconds that a whole body may take.
        headers: Of each answer, unless it has them.
    """

    host: str
    port: int
    token: str | None = None
    protected: str = "/"
    names: Collection[str] = ()
    free: Collection[str] = ()
    body: int = MIB
    bodies: Mapping[str, int] = field(default_factory=dict)
    pause: float = 20.0
    patience: float = 600.0
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)

    def limit(self, path: str) -> int:
        """Bytes that a request of a path may have."""
        return next((size for start, size in self.bodies.items() if path.startswith(start)), self.body)

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server, and not somebody's domain that leads here.

        A server that is bound to all addresses is called by any of them, or by the machine's name: what an
        attacker's domain is made to lead to is none of these.
        """
        name, colon, port = host.lower().rpartition(":")
        if not colon or (name.startswith("[") and not name.endswith("]")):
            name, port = host.lower(), "80"
        elif ":" in name and not name.startswith("["):  # an address of IPv6 has brackets
            return False
        if {name, host.lower()} & {each.lower() for each in self.names}:
            return True
        if port != str(self.port):
            return False
        name = name.strip("[]")
        if name == self.host.lower():
            return True
        if _is_address(self.host, "is_loopback"):
            return name == "localhost"
        if _is_address(self.host, "is_unspecified"):
            return _is_address(name) or name in ("localhost", socket.gethostname().lower())
        return False


def _is_address(name: str, property_: str = "") -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return not property_ or bool(getattr(address, property_))


class Guard:
    """ASGI middleware that refuses what the rules do not let in, and gives every answer its headers.

    Args:
        app: What is guarded.
        rules: Of who may ask, and how much.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web socket is ever taken
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in self._rules.headers.items():
                    headers.setdefault(name, value)
                if message["status"] in _UNREAD:
                    headers["connection"] = "close"
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, self._bounded(scope, receive), sent)
        except LegonetError as error:
            if begun:
                raise
            await answer(error)(scope, receive, sent)

    def _check(self, scope: Scope) -> None:
        headers, rules = Headers(scope=scope), self._rules
        hosts = headers.getlist("host")
        free = scope["path"] in rules.free
        if not free and (len(hosts) != 1 or not rules.is_ours(hosts[0])):
            found = f"Host {', '.join(hosts)[:100] or 'is missing'}"
            raise refuse(HTTPStatus.MISDIRECTED_REQUEST, found, f"expected {rules.host}:{rules.port}")
        origins = headers.getlist("origin")
        ours = {f"{scheme}://{host}".lower() for scheme in ("http", "https") for host in hosts}
        if any(origin.lower() not in ours for origin in origins):
            raise refuse(403, f"Origin {', '.join(origins)[:100]}", "expected this server's own page")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["path"] != "/":
            raise refuse(403, "a request of another site", "expected this server's own page")
        if rules.token is not None and not free and scope["path"].startswith(rules.protected):
            self._check_token(headers, rules.token)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise refuse(400, "Content-Length is not a number")
        if int(length[:20]) > rules.limit(scope["path"]):
            raise _too_large(rules.limit(scope["path"]))

    @staticmethod
    def _check_token(headers: Headers, token: str) -> None:
        given = headers.get(TOKEN_HEADER) or headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode("latin-1", "replace"), token.encode()):
            found = "a wrong token" if given else "no token"
            advice = "open the address that the command printed"
            raise refuse(401, found, f"expected that of this start in {TOKEN_HEADER}", advice)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The parts of a body, as long as they are not too many and come in time."""
        limit, loop = self._rules.limit(scope["path"]), asyncio.get_running_loop()
        size, whole, end = 0, False, loop.time() + self._rules.patience

        async def received() -> Message:
            nonlocal size, whole
            if whole:  # what comes now is that the client has gone
                return await receive()
            try:
                left = min(self._rules.pause, end - loop.time())
                message = await asyncio.wait_for(receive(), max(left, 0.001))
            except TimeoutError:
                raise refuse(408, "the body did not come in time", advice="send it faster") from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > limit:
                raise _too_large(limit)
            return message

        return received


def _too_large(limit: int) -> LegonetError:
    return refuse(413, "a body that is too large", f"expected at most {limit:,} bytes")
