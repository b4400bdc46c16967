"""A small network whose paths score and mark, served."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from torch import nn

import legonet
from legonet.compile.network import CompiledNetwork
from legonet.serve.app import make_app
from legonet.serve.description import FREE
from legonet.serve.options import ServeOptions
from legonet.web.guard import Guard, Rules

HOST, PORT = "127.0.0.1", 8000
OPTIONS = ServeOptions(batch=4, wait_ms=1, queue=8, images=4, pixels=5_000, body=200_000)


@pytest.fixture(scope="session")
def served(make_model: Callable[..., nn.Sequential], tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = legonet.Network("zoo", (3, 8, 8), mean=[0.5] * 3, std=[0.25] * 3)
    network.add_teacher("cat-v1", make_model(0), category="cat", task="classify", cut="pool1")
    marker = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    network.add_teacher("dog-v1", marker, category="dog", task="mark", cut="1")
    return network.save(tmp_path_factory.mktemp("served") / "graphs" / "zoo.yaml")


@pytest.fixture(scope="session")
def network(served: Path) -> CompiledNetwork:
    return legonet.load(served).compile()


def guarded(network: CompiledNetwork, options: ServeOptions = OPTIONS, token: str | None = None) -> ASGIApp:
    app = make_app(network, options, secured=token is not None)
    return Guard(app, Rules(HOST, PORT, token, free=FREE, body=options.body, pause=0.2, patience=1))


@pytest.fixture(scope="session")
def client(network: CompiledNetwork) -> Iterator[TestClient]:
    with TestClient(guarded(network), f"http://{HOST}:{PORT}", raise_server_exceptions=False) as client:
        yield client


def png(seed: int = 0, height: int = 10, width: int = 12) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels))


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()
