"""Bodies of requests become the images in them: multipart, raw, or JSON with base64."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from legonet.errors import Problem
from legonet.serve.images import Upload
from legonet.serve.options import ServeOptions
from legonet.web.faults import FaultError, of_validation, refuse

LONGEST_NAME = 200
FULL = Problem(
    "the requests being answered hold as many bytes as the server takes", advice="ask again in a second"
)
FORMS = "multipart/form-data, application/json, application/octet-stream or image/*"


class NamedImage(BaseModel):
    """An image with a name, by which the answer calls it."""

    model_config = ConfigDict(extra="forbid")
    data: Annotated[str, Field(description="base64, or a data: URL")]
    name: Annotated[str, Field(max_length=LONGEST_NAME)] = ""


def _form(given: Any) -> str | None:
    """Which of both forms an image has, so that its faults are those of this form."""
    return "text" if isinstance(given, str) else "named" if isinstance(given, dict | NamedImage) else None


Given = Annotated[
    Annotated[str, Tag("text")] | Annotated[NamedImage, Tag("named")],
    Discriminator(
        _form,
        custom_error_type="image",
        custom_error_message="Input should be a string of base64, or an object with data and a name",
    ),
]


class ImagesBody(BaseModel):
    """Images as JSON."""

    model_config = ConfigDict(extra="forbid")
    images: Annotated[list[Given], Field(min_length=1)]
    masks: Annotated[bool, Field(description="Whether masks are answered as PNG.")] = False


class Bodies:
    """Bodies that are held at the same time, bounded in bytes together: each by itself the guard bounds.

    Args:
        most: Bytes of all of them.
    """

    def __init__(self, most: int) -> None:
        self._most, self.held = most, 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request, for as long as it is held.

        Raises:
            FaultError: With 429: there is no room for it.
        """
        parts, size = list[bytes](), 0
        try:
            async for part in request.stream():
                size += len(part)
                self.held += len(part)
                if self.held > self._most:
                    raise FaultError(429, FULL, headers={"retry-after": "1", "connection": "close"})
                parts.append(part)
            yield b"".join(parts)
        finally:
            self.held -= size


async def read_uploads(request: Request, body: bytes, options: ServeOptions) -> tuple[list[Upload], bool]:
    """Find the images of a request.

    Args:
        request: The request.
        body: Its body.
        options: How many there may be.

    Returns:
        The images, and whether masks are asked for.

    Raises:
        FaultError: The body is of no form that is taken, or has no image or too many.
    """
    masks = _masks_asked(request)
    kind, _, _ = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind == "multipart/form-data":
        uploads = await _multipart(request, body, options)
    elif kind == "application/json":
        uploads, asked = await asyncio.to_thread(_json, body)
        masks = masks or asked
    elif kind in ("application/octet-stream", "application/x-npy") or kind.startswith("image/"):
        uploads = [Upload("image 0", body)]
    else:
        raise refuse(415, f"Content-Type {kind[:100] or 'is missing'}", f"expected {FORMS}")
    if not uploads:
        raise refuse(422, "no image", "expected at least one", key="images")
    if len(uploads) > options.images:
        found = f"{len(uploads)} images"
        raise refuse(413, found, f"expected at most {options.images}", "send fewer at a time", key="images")
    return uploads, masks


def _masks_asked(request: Request) -> bool:
    for name, value in request.query_params.multi_items():
        if name != "masks" or value not in ("true", "false"):
            raise refuse(422, f"{name[:50]}={value[:50]}", "expected masks=true or masks=false", key="query")
    return request.query_params.get("masks") == "true"


async def _multipart(request: Request, body: bytes, options: ServeOptions) -> list[Upload]:
    async def parts() -> AsyncIterator[bytes]:
        yield body
        yield b""

    parser = _InMemory(Headers(raw=request.headers.raw), parts(), max_files=options.images, max_fields=0)  # pyright: ignore[reportArgumentType]
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise refuse(
            400, f"multipart: {str(error)[:200] or 'cannot be read'}", "expected one file for each image"
        ) from error
    uploads = []
    for number, (_, part) in enumerate(form.multi_items()):
        assert isinstance(part, UploadFile)  # noqa: S101 - of other fields none is let in
        name = (part.filename or "")[-LONGEST_NAME:] or f"image {number}"
        uploads.append(Upload(name, await part.read()))
    await form.close()
    return uploads


class _InMemory(MultiPartParser):
    """Leaves nothing on the disk: bodies are bounded."""

    spool_max_size = 2**40


def _json(body: bytes) -> tuple[list[Upload], bool]:
    try:
        found = ImagesBody.model_validate_json(body)
    except ValidationError as error:
        raise of_validation(error, "body") from error
    uploads = []
    for number, each in enumerate(found.images):
        given = each if isinstance(each, NamedImage) else NamedImage(data=each)
        name = given.name or f"image {number}"
        data = given.data
        if data.startswith("data:"):
            data = data.partition(",")[2]
        try:
            uploads.append(Upload(name, base64.b64decode(data, validate=True)))
        except (binascii.Error, ValueError) as error:
            raise refuse(
                422, "found no base64", "expected an image's bytes", key=f"images.{number}"
            ) from error
    return uploads, found.masks
