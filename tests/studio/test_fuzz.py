"""Requests that are drawn from the OpenAPI description, right ones and wrong ones; answers keep to it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from legonet.studio import children
from legonet.studio.app import BODIES, make_app
from legonet.studio.openapi import PREFIX
from legonet.studio.routes import OPERATIONS
from legonet.studio.studio import Studio
from legonet.web.guard import Rules
from tests.studio.conftest import TOKEN

FEW, MANY = 8, 400  # requests of each operation; 10,000 and more in all
EVERY = [(each.method, PREFIX + each.path.replace(":path}", "}")) for each in OPERATIONS]
# A token is asked for in test_attacks; and what is rightly formed may be refused, as the draft is what it is.
UNASKED: Any = [ignored_auth, positive_data_acceptance]
# A wrong part of a form may be none when it is sent, such as an empty list.
FORMS: Any = [*UNASKED, negative_data_rejection]
SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
SEEN: Counter[int] = Counter()


@pytest.fixture(scope="module")
def schema(unbuilt: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A studio whose children do nothing."""
    import shutil

    root = Path(shutil.copytree(unbuilt, tmp_path_factory.mktemp("fuzz") / "zoo"))
    started = children._started
    with pytest.MonkeyPatch.context() as patch:

        def nothing(command: Any, folder: Path) -> subprocess.Popen[bytes]:
            return started([sys.executable, "-S", "-c", ""], folder)

        patch.setattr(children, "_started", nothing)
        rules = Rules("testserver", 80, TOKEN, "/api/", bodies=BODIES)
        app = make_app(Studio(root / "graphs" / "zoo.yaml"), rules)
        sent = {"x-legonet-token": TOKEN}
        yield schemathesis.openapi.from_asgi(f"{PREFIX}/openapi.json", app, headers=sent)


def _fuzz(schema: Any, method: str, path: str, examples: int) -> None:
    excluded = FORMS if path.endswith(("/predict", "/uploads")) else UNASKED
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    for mode in modes:
        strategy = schema[path][method].as_strategy(generation_mode=mode)

        @settings(
            max_examples=examples // len(modes),
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=SLOW,
        )
        @given(case=strategy)
        def ask(case: Any) -> None:
            answer = case.call_and_validate(headers={"x-legonet-token": TOKEN}, excluded_checks=excluded)
            SEEN[answer.status_code] += 1
            assert answer.status_code < 500

        ask()


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_some_requests(schema: Any, method: str, path: str) -> None:
    _fuzz(schema, method, path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_ten_thousand_requests(schema: Any, method: str, path: str) -> None:
    _fuzz(schema, method, path, MANY)
    print(f"{method} {path}: {sum(SEEN.values()):,} requests so far, by status {dict(sorted(SEEN.items()))}")
