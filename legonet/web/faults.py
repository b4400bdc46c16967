"""Faults as answers: `{"problems": [...]}` with a status of 4xx, or 500 for a bug of legonet's."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from legonet.errors import LegonetError, Problem, report

LOGGER = logging.getLogger("legonet.web")


class FaultError(LegonetError):
    """A request that is refused, with the status that says why.

    Args:
        status: Such as 409.
        problem: What is wrong.
        headers: Of the answer.
    """

    def __init__(self, status: int, *problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(report(problem), problem)
        self.status, self.headers = status, dict(headers or {})


def refuse(status: int, found: str, expected: str = "", advice: str = "", *, key: str = "") -> FaultError:
    """The error of a request that is refused.

    Args:
        status: Such as 409.
        found: What was found.
        expected: What was expected.
        advice: What to do about it.
        key: The part of the request that is meant.
    """
    return FaultError(status, Problem(found, expected, advice, key=key))


def problems_data(problems: Iterable[Problem]) -> dict[str, Any]:
    """Problems as JSON holds them: the errors' own data, and the text that a person reads."""
    return {"problems": [{"text": each.text, **asdict(each)} for each in problems]}


def answer(error: LegonetError, status: int = 422) -> Response:
    """The answer that tells of an error."""
    headers = error.headers if isinstance(error, FaultError) else {}
    status = error.status if isinstance(error, FaultError) else status
    return JSONResponse(problems_data(error.problems), status, headers)


def of_validation(error: ValidationError, what: str) -> FaultError:
    """What pydantic found wrong with a request.

    Args:
        error: Pydantic's.
        what: Is wrong, such as `body`.
    """
    problems = [
        Problem(
            each["msg"].rstrip(".")[:300],
            advice="see /api/v1/openapi.json",
            key=".".join((what, *(str(part)[:100] for part in each["loc"]))),
        )
        for each in error.errors(include_url=False, include_input=False, include_context=False)[:20]
    ]
    return FaultError(422, *problems)


async def _legonet(request: Request, error: Exception) -> Response:
    assert isinstance(error, LegonetError)  # noqa: S101 - what it is registered for
    return answer(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    problem = Problem(f"{request.method} {request.url.path[:200]}: {error.detail}", key="request")
    return JSONResponse(problems_data([problem]), error.status_code, error.headers)


async def _bug(request: Request, error: Exception) -> Response:
    LOGGER.error("%s %s", request.method, request.url.path, exc_info=error)
    found = f"{request.method} {request.url.path[:200]}: a bug in legonet"
    problem = Problem(found, advice="please report it with the lines that the server printed")
    return JSONResponse(problems_data([problem]), 500)


HANDLERS = {LegonetError: _legonet, HTTPException: _http, Exception: _bug}
"""Of exceptions, for `starlette.applications.Starlette`."""
