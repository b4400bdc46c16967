"""Remotes of every kind on this machine: folders, memory, an S3 server and an HTTP server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import legonet.remote.patience as patience


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of settings; and nobody waits long."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)
    return tmp_path / "settings" / "legonet"


@dataclass
class Served:
    """A server that answers as it should, but for the faults that a test asks for."""

    url: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    fault: Callable[[str, str], Any] = lambda method, path: None

    def count(self, *methods: str) -> int:
        return sum(method in methods for method, _ in self.requests)


class _Faulty:
    """WSGI around moto's: counts requests, and answers or cuts as the test wants."""

    def __init__(self, inner: Any, served: Served) -> None:
        self.inner, self.served = inner, served

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.served.requests.append((method, path))
        wanted = self.served.fault(method, path)
        if wanted is None:
            return self.inner(environ, start)
        if isinstance(wanted, int):
            start(f"{wanted} Fault", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return [b""]
        if callable(wanted):  # what it makes of the true answer
            kept: list[Any] = []
            body = b"".join(self.inner(environ, lambda *given: kept.append(given)))
            status, headers = kept[0][:2]
            start(status, list(headers))
            return [wanted(body)]
        raise AssertionError(wanted)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Any]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def s3(moto_server: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Served]:
    """A bucket of its own at `s3://…`, with faults to ask for."""
    import boto3

    host, port = moto_server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"b{abs(hash(request.node.nodeid)) % 10**9}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    served = Served(f"s3://{bucket}/zoo")
    inner = moto_server._server.app
    moto_server._server.app = _Faulty(inner, served)
    yield served
    moto_server._server.app = inner


class _Files(SimpleHTTPRequestHandler):
    served: Served

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.served.requests.append(("GET", self.path))
        wanted = self.served.fault("GET", self.path)
        if isinstance(wanted, int):
            self.send_error(wanted)
        elif callable(wanted):
            body: Any = wanted(Path(self.translate_path(self.path)).read_bytes())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)
        else:
            super().do_GET()


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Served]:
    """A server of plain files, of `tmp_path / "www"`."""
    (tmp_path / "www").mkdir()
    served = Served("")
    handler = type("Handler", (_Files,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "www")))
    server.handle_error = lambda request, client_address: None  # a client that has read enough leaves
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
