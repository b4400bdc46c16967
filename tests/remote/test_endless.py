"""A server that sends without an end: what is taken of it has one, whatever was asked."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

import legonet
from legonet.errors import LegonetError, StoreError
from legonet.remote import bounded, download, objects
from legonet.remote.address import RemoteAddress
from legonet.remote.download import download as bring
from legonet.remote.manifest import look
from legonet.remote.objects import Objects
from legonet.remote.place import Place

ROOM = 16 * 2**20  # bytes of a connection that are on their way when somebody leaves: buffers of both sides
SHA = "a" * 64


@dataclass
class Endless:
    """What a server was asked, and how much it got rid of."""

    port: int = 0
    sent: int = 0
    requests: int = 0
    length: int | None = None


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endless]:
    """It answers everything by zeros, as long as somebody listens; 128 MiB at most, so that tests end."""
    import fsspec.config

    state = Endless()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            state.requests += 1
            head = self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            told = "" if state.length is None else f"Content-Length: {state.length}\r\n"
            with suppress(OSError):
                self.wfile.write(f"HTTP/1.1 200 OK\r\n{told}ETag: x\r\nConnection: close\r\n\r\n".encode())
                while not head.startswith(b"HEAD") and state.sent < 2**27:
                    self.wfile.write(bytes(2**16))
                    state.sent += 2**16

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.port = server.server_address[1]
    url = f"http://127.0.0.1:{state.port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "STORAGE_EMULATOR_HOST": url,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(fsspec.config.conf, "gs", {"token": "anon"})
    monkeypatch.setattr(bounded, "WHOLE", 2**20)
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def _address(kind: str, endless: Endless) -> RemoteAddress:
    return RemoteAddress.read(
        f"http://127.0.0.1:{endless.port}/zoo" if kind == "http" else f"{kind}://bucket/zoo"
    )


@pytest.mark.parametrize("kind", ["http", "s3", "gs"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda place: place.read("legonet.json", 100),
        look,
        lambda place: Objects(place).read(SHA, 2**20),
        lambda place: place.info("x"),
        lambda place: list(place.pieces("x", 5, 2**20, None)),
    ],
)
def test_what_is_read_has_an_end(kind: str, ask: Callable[[Place], object], endless: Endless) -> None:
    if kind == "gs":
        pytest.importorskip("gcsfs")
    with suppress(LegonetError, FileNotFoundError):
        ask(Place(_address(kind, endless)))
    assert endless.requests
    assert endless.sent < endless.requests * ROOM


def test_what_a_library_reads_whole_is_refused_at_once(endless: Endless) -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1: sent more than 1,048,576 bytes at once"):
        Place(_address("s3", endless)).read("legonet.json", 100)
    assert endless.requests == 1


def test_the_bound_lets_pass_what_is_asked_for() -> None:
    assert bounded.WHOLE == objects.LARGEST_PART + 1


def test_a_pull_has_an_end(endless: Endless, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has more than 4,096 bytes"):
        legonet.Network.pull(f"http://127.0.0.1:{endless.port}/zoo", tmp_path / "zoo")
    assert endless.sent < endless.requests * ROOM


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (None, r"has more than 0 GiB; its server does not tell how many; expected a length"),
        (65 * 2**30, r"has 65\.0 GiB; expected at most 64 GiB; is this a file of weights"),
    ],
)
def test_a_file_of_weights_has_an_end(
    endless: Endless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int | None, said: str
) -> None:
    monkeypatch.setattr(download, "UNTOLD", 2**20)
    endless.length = length
    with pytest.raises(StoreError, match=said):
        bring(_address("http", endless), tmp_path / "weights.pt")
    assert endless.sent < endless.requests * ROOM
    assert not [each for each in tmp_path.iterdir() if each.suffix in (".pt", ".part")]


def test_more_than_was_said_is_not_taken(
    endless: Endless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_state", lambda place: (1000, "mark"))
    with pytest.raises(StoreError, match="sent more than the 1,000 bytes that it said"):
        bring(_address("http", endless), tmp_path / "weights.pt")
    assert endless.sent < endless.requests * ROOM
    assert not (tmp_path / "weights.pt.part").exists()
