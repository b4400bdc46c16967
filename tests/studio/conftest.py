"""A studio over a tiny workspace: four teachers of two tasks, nothing fitted; runs are real children."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from legonet.studio.app import BODIES, make_app
from legonet.studio.studio import Studio
from legonet.web.guard import Rules
from tests.conftest import CATEGORIES, SHAPE

if TYPE_CHECKING:
    from torch import nn

TOKEN = "0123456789abcdef" * 4
HOST = "127.0.0.1:8123"
ADAPTER = "{kernel: 1, method: {name: closed-form, draws: 2, masks: random}}"
COMMENT = "# mine, and to be kept"


@pytest.fixture(scope="session")
def unbuilt(make_model: Callable[..., nn.Sequential], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose adapters take no time to fit; one more category has no teacher."""
    import legonet

    root = tmp_path_factory.mktemp("unbuilt")
    network = legonet.Network("zoo", SHAPE)
    for seed, category in enumerate(CATEGORIES):
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
    network.add_teacher("dog-sort", make_model(9, outputs=3), category="dog", task="sort", cut="pool1")
    network.add_category("emu")
    network.save(root / "graphs" / "zoo.yaml")
    file = root / "graphs" / "zoo.yaml"
    text = f"{COMMENT}\n{file.read_text()}"
    for kind in ("binary", "vector"):
        assert f"output: {{kind: {kind}" in text
        text = text.replace(f"output: {{kind: {kind}", f"adapter: {ADAPTER}, output: {{kind: {kind}")
    file.write_text(text)
    return root


@pytest.fixture
def zoo(unbuilt: Path, tmp_path: Path) -> Path:
    """The graph file of a copy."""
    import shutil

    return Path(shutil.copytree(unbuilt, tmp_path / "zoo")) / "graphs" / "zoo.yaml"


def client_of(studio: Studio, **rules: Any) -> TestClient:
    """A browser with the page of a studio."""
    app = make_app(studio, Rules("127.0.0.1", 8123, TOKEN, "/api/", **{"bodies": BODIES, **rules}))
    headers = {"x-legonet-token": TOKEN}
    return TestClient(app, f"http://{HOST}", headers=headers, raise_server_exceptions=False)


@pytest.fixture
def studio(zoo: Path) -> Studio:
    return Studio(zoo)


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    with client_of(studio) as client:
        yield client


Ended = Callable[..., dict[str, Any]]


@pytest.fixture
def ended() -> Ended:
    """Wait for a run or an export to end."""

    def wait(client: TestClient, path: str) -> dict[str, Any]:
        for _ in range(1200):
            found = client.get(path).json()
            if found.get("state") != "running":
                return found
            time.sleep(0.1)
        raise AssertionError(found)

    return wait
