"""Requests that are drawn from an OpenAPI description, right ones and wrong ones; answers keep to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

_FORMS = ("multipart/", "application/x-www-form-urlencoded")
TOO_LARGE = 413

SEEN: Counter[int] = Counter()  # requests by the status of their answers


def fuzz(
    schema: Any,
    method: str,
    path: str,
    examples: int,
    *,
    wrong: bool = True,
    headers: Mapping[str, str] | None = None,
    unasked: Sequence[Any] = (),
) -> None:
    """Send requests to one operation; no answer is a fault of the server's, and each is as described.

    Args:
        schema: Of schemathesis.
        method: Of the operation.
        path: Of the operation.
        examples: How many requests.
        wrong: Half of them are wrong.
        headers: Of each request.
        unasked: Checks of schemathesis that are left out, beside that what is rightly formed is taken.
    """
    schemathesis: Any = pytest.importorskip("schemathesis")
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    modes = [schemathesis.GenerationMode.POSITIVE]
    modes += [schemathesis.GenerationMode.NEGATIVE] if wrong else []
    for mode in modes:

        @settings(
            max_examples=examples // len(modes),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
        )
        @given(case=schema[path][method].as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            # What is rightly formed may be refused: random bytes are no image, a draft is what it is.
            checks = [positive_data_acceptance, *unasked]
            answer = case.call(headers=headers)
            if (
                _may_be_right(case) or answer.status_code == TOO_LARGE
            ):  # which schemathesis takes for no refusal
                checks.append(negative_data_rejection)
            case.validate_response(answer, headers=headers, excluded_checks=checks)
            SEEN[answer.status_code] += 1
            assert answer.status_code < 500

        ask()


def _may_be_right(case: Any) -> bool:
    """Whether what is wrong about a request can be lost on its way.

    An empty part of a query is not sent, and what stands in a form is sent as text, a number too.
    """
    empty = any(value in (None, [], {}) for value in (case.query or {}).values())
    return empty or str(case.media_type).startswith(_FORMS)


def tell(method: str, path: str) -> None:
    """Print how many there were."""
    print(f"{method} {path}: {sum(SEEN.values()):,} requests so far, by status {dict(sorted(SEEN.items()))}")
