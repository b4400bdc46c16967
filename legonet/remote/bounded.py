"""Answers of HTTP that a library reads whole: they have an end, whatever the server sends.

Libraries of stores ask for some bytes of a file and take what comes; also lists and errors are read whole.
"""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse

from legonet.errors import StoreError

WHOLE = 64 * 2**20 + 1  # bytes: those of the largest object, and one that tells that there are more


class BoundedResponse(ClientResponse):
    """An answer of which no more is read at once than any may have."""

    async def start(self, connection: Any) -> ClientResponse:
        """Take the head of the answer; its body is read through bounds."""
        await super().start(connection)
        self.content: Any = _Bounded(self)
        return self


class _Bounded:
    """A stream that does all that another one does, but reads no more than `WHOLE` to its end."""

    def __init__(self, response: ClientResponse) -> None:
        self._response, self._inner = response, response.content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def read(self, count: int = -1) -> bytes:
        if count >= 0:
            return await self._inner.read(count)
        pieces, size = list[bytes](), 0
        while piece := await self._inner.readany():
            pieces.append(piece)
            size += len(piece)
            if size > WHOLE:
                self._response.close()
                raise StoreError(
                    f"{self._response.url.host}: sent more than {WHOLE:,} bytes at once; expected no more "
                    "than it was asked for; see whether this is the server that you mean"
                )
        return b"".join(pieces)
