"""An operation of the API, as one value that routes, and their description, are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from legonet.studio.models.base import Answer
from legonet.web.faults import of_validation, refuse

if TYPE_CHECKING:
    from legonet.studio.studio import Studio

JSON = "application/json"
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Asked:
    """A request that was read and checked.

    Attributes:
        body: Of the operation's type.
        query: Of the operation's type.
        path: The variable parts of the path.
        headers: By name in lower case.
        form: Fields of a form, and what was uploaded.
    """

    body: Any = None
    query: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: FormData = field(default_factory=FormData)


@dataclass(frozen=True)
class Reply:
    """An answer with headers.

    Attributes:
        answer: The body.
        headers: Besides.
    """

    answer: Answer
    headers: Mapping[str, str] = field(default_factory=dict)


Call = Callable[["Studio", Asked], Any]


@dataclass(frozen=True)
class Operation:
    """One thing that the API does.

    Attributes:
        method: Of HTTP.
        path: Below /api/v1, with variable parts in braces.
        call: Does it, in a thread; what it gives is an Answer, a Reply, or a Response as it is.
        summary: What it does, in a line.
        gives: What it answers; None: something else than JSON of a model.
        takes: The body.
        query: The parameters.
        form: A form's fields and their descriptions as JSON Schema.
        status: Of an answer that went well.
        writes: Whether it changes anything; it is refused where nothing may be changed.
        kind: Those of one kind are done one after the other.
        faults: Statuses of refusals besides 400, 401, 403, 404, 413, 421 and 422.
        headers: Headers that it reads, and what they are.
        media: Of an answer that is no JSON.
    """

    method: Literal["GET", "POST"]
    path: str
    call: Call
    summary: str
    gives: type[Answer] | None = None
    takes: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    writes: bool = False
    kind: Literal["draft", "files", "torch", "quick"] = "draft"
    faults: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = JSON

    async def __call__(self, studio: Studio, request: Request) -> Response:
        """Answer a request."""
        if self.writes and studio.read_only:
            raise refuse(403, "the studio is read-only", advice="open it without --read-only")
        try:
            asked = await self._read(request)
            async with studio.turn(self.kind):
                return await run_in_threadpool(self._answered, studio, asked)
        finally:
            await request.close()  # what was uploaded

    def _answered(self, studio: Studio, asked: Asked) -> Response:
        found = self.call(studio, asked)
        if isinstance(found, Response):
            return found
        reply = found if isinstance(found, Reply) else Reply(found)
        content = reply.answer.model_dump_json()  # which has null for what is no number
        return Response(content, self.status, dict(reply.headers), JSON)

    async def _read(self, request: Request) -> Asked:
        body = query = None
        form = FormData()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.takes is not None:
            if kind != JSON:
                raise refuse(415, f"a body of {kind[:100] or 'no type'}", f"expected {JSON}", key="body")
            try:
                body = self.takes.model_validate_json(await request.body())
            except ValidationError as error:
                raise of_validation(error, "body") from None
        if self.form:
            if kind != FORM:
                raise refuse(415, f"a body of {kind[:100] or 'no type'}", f"expected {FORM}", key="body")
            form = await request.form(max_files=1, max_fields=1000, max_part_size=65_536)
            if unknown := sorted(set(form) - set(self.form)):
                found = f"the fields {', '.join(unknown)[:200]}"
                raise refuse(422, found, f"expected {', '.join(self.form)}", key="body")
        if self.query is not None:
            try:
                query = self.query.model_validate(_query(request), strict=False)
            except ValidationError as error:
                raise of_validation(error, "query") from None
        return Asked(body, query, request.path_params, dict(request.headers), form)


def _query(request: Request) -> dict[str, Any]:
    """The parameters; one that is given several times is a list."""
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
