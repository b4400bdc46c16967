"""Requests that are drawn from the OpenAPI description, right ones and wrong ones; answers keep to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.specs.openapi.checks import ignored_auth

from legonet.studio import children
from legonet.studio.app import BODIES, make_app
from legonet.studio.openapi import PREFIX
from legonet.studio.routes import OPERATIONS
from legonet.studio.studio import Studio
from legonet.web.guard import Rules
from tests.studio.conftest import TOKEN
from tests.web.fuzzing import fuzz, tell

FEW, MANY = 4, 400  # requests of each operation; 10,000 and more in all
EVERY = [(each.method, PREFIX + each.path.replace(":path}", "}")) for each in OPERATIONS]
UNASKED: Any = [ignored_auth]  # a token is asked for in test_attacks


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
    fuzz(schema, method, path, examples, headers={"x-legonet-token": TOKEN}, unasked=UNASKED)


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_some_requests(schema: Any, method: str, path: str) -> None:
    _fuzz(schema, method, path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_ten_thousand_requests(schema: Any, method: str, path: str) -> None:
    _fuzz(schema, method, path, MANY)
    tell(method, path)
