"""What only a real Ray cluster shows: replicas answer as the network does, and a lost one loses nothing."""

from __future__ import annotations

import importlib
import io
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

import legonet
from legonet.errors import DataError, SelectError
from legonet.serve import deployment
from tests.run.faults import titled
from tests.serve.conftest import OPTIONS, png

LOOPBACK = "127.0.0.1"
REQUESTS, CLIENTS = 240, 6


@pytest.fixture(scope="module")
def url(served: Path) -> Iterator[str]:
    """Two replicas on a cluster of their own, which listens on loopback only."""
    ray: Any = pytest.importorskip("ray")
    serve: Any = pytest.importorskip("ray.serve")
    constants: Any = importlib.import_module("ray._private.ray_constants")
    with socket.create_server((LOOPBACK, 0)) as free:
        port = free.getsockname()[1]
    patch = pytest.MonkeyPatch()
    patch.setattr(constants, "ENABLE_RAY_CLUSTER", False)
    patch.setenv("PYTHONPATH", str(Path(legonet.__file__).parents[1]))
    try:
        ray.init(
            address="local",
            num_cpus=4,
            include_dashboard=False,
            log_to_driver=False,
            _node_ip_address=LOOPBACK,
            object_store_memory=80 * 2**20,
        )
        serve.start(http_options={"host": LOOPBACK, "port": port}, proxy_location="HeadOnly")
        serve.run(deployment(served, replicas=2, options=OPTIONS, port=port), name="zoo")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()
        patch.undo()


def replicas() -> list[int]:
    """Processes that are replicas of ours now."""
    return titled(b"ray::ServeReplica:zoo")


def wanted(served: Path, image: bytes) -> dict[str, Any]:
    (found,) = legonet.load(served).predict(Image.open(io.BytesIO(image)), progress=None)
    return {path: result.data() for path, result in found.results.items()}


class Asking:
    """A client that asks again."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._url, self._client = f"{url}/api/v1/predict", client
        self.again: list[str] = []

    def __call__(self, image: bytes) -> dict[str, Any]:
        for _ in range(60):
            try:
                answer = self._client.post(self._url, files={"image": image})
            except httpx.TransportError as error:
                self.again.append(type(error).__name__)
            else:
                if answer.status_code == 200:
                    return answer.json()["predictions"][0]["results"]
                assert answer.status_code in (429, 500, 503), answer.text
                self.again.append(str(answer.status_code))
            time.sleep(0.2)
        raise AssertionError(f"no answer: {self.again}")


@pytest.fixture
def asking(url: str) -> Iterator[Asking]:
    with httpx.Client(timeout=60) as client:
        yield Asking(client, url)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_replicas_answer_as_the_network_does(url: str, served: Path, asking: Asking) -> None:
    images = [png(seed) for seed in range(4)]
    assert [asking(each) for each in images] == [wanted(served, each) for each in images]
    assert httpx.get(f"{url}/api/v1/network").json()["name"] == "zoo"
    assert httpx.get(f"{url}/ready").json() == {"status": "ready"}
    assert httpx.get(f"{url}/api/v1/network", headers={"host": "attacker.example"}).status_code == 421
    assert httpx.post(f"{url}/api/v1/predict", files={"image": b"no"}).status_code == 422


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_replica_killed_under_load_loses_no_request(served: Path, asking: Asking) -> None:
    images = [png(seed) for seed in range(8)]
    right = [wanted(served, each) for each in images]
    answered, begun = list[int](), threading.Event()

    def ask(number: int) -> bool:
        found = asking(images[number % 8])
        answered.append(number)
        if len(answered) >= REQUESTS // 4:
            begun.set()
        return found == right[number % 8]

    with ThreadPoolExecutor(CLIENTS) as clients:
        asked = [clients.submit(ask, number) for number in range(REQUESTS)]
        assert begun.wait(120)
        victim, *others = replicas()
        os.kill(victim, signal.SIGKILL)
        killed_after = len(answered)
        assert all(each.result(120) for each in asked)
    assert sorted(answered) == list(range(REQUESTS))
    print(f"{REQUESTS} requests, a replica killed after {killed_after}; asked again: {asking.again}")
    deadline = time.monotonic() + 120
    while victim in replicas() or len(replicas()) < 2:  # it begins anew, with the same network
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert others[0] in replicas()
    assert [asking(each) for each in images] == right


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"replicas": 0}, DataError, "replicas: found 0"),
        ({"host": "0.0.0.0"}, SelectError, "others could reach it"),  # noqa: S104
        ({"token": "short"}, SelectError, "expected 32 letters"),
        ({"paths": "cat:clasify"}, SelectError, "cat:clasify"),
    ],
)
def test_what_is_not_deployed(
    served: Path, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    pytest.importorskip("ray.serve")
    with pytest.raises(error, match=said):
        deployment(served, **settings)


def test_without_ray(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray.serve", None)
    with pytest.raises(SelectError, match="expected the extras `ray` and `serve`"):
        deployment(served)
