"""One file from anywhere: bounded, resumed where it was cut, its hash told."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.remote import download as module
from legonet.remote import patience
from legonet.remote.address import RemoteAddress
from legonet.remote.download import download

DATA = random.Random(0).randbytes(5 * 2**20)
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def url(s3, tmp_path: Path) -> str:
    import boto3

    bucket = s3.url.split("/")[2]
    boto3.client("s3").put_object(Bucket=bucket, Key="zoo/cat.pt", Body=DATA)
    s3.requests.clear()
    return f"{s3.url}/cat.pt"


def test_it_comes_once(url: str, s3, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    done = download(RemoteAddress.read(url), tmp_path / "x", lambda *given: told.append(given))
    assert done.sha256 == SHA
    assert done.path.read_bytes() == DATA
    assert told[-1] == (len(DATA), len(DATA))
    s3.requests.clear()
    assert download(RemoteAddress.read(url), tmp_path / "x") == done
    assert s3.count("GET") == 0


def test_what_was_cut_goes_on(http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server sends half, and then says no; later it sends the rest, from where it was asked to."""
    (tmp_path / "www" / "cat.pt").write_bytes(DATA)
    monkeypatch.setattr(module, "_state", lambda place: (len(DATA), "mark"))
    answers = [lambda body: body[: 3 * 2**20], 403]
    http.fault = lambda method, path: answers.pop(0) if answers else None
    with pytest.raises(StoreError, match=r"3,145,728 of 5,242,880 bytes came.*goes on where it was"):
        download(RemoteAddress.read(f"{http.url}/cat.pt"), tmp_path / "x")
    assert (tmp_path / "x.part").read_bytes() == DATA[: 3 * 2**20]
    assert not (tmp_path / "x").exists()
    assert download(RemoteAddress.read(f"{http.url}/cat.pt"), tmp_path / "x").sha256 == SHA


def test_throttling_is_waited_for(url: str, s3, tmp_path: Path) -> None:
    answers = [503, 503]
    s3.fault = lambda method, path: answers.pop(0) if answers and method == "GET" else None
    assert download(RemoteAddress.read(url), tmp_path / "x").sha256 == SHA
    assert not answers


def test_it_has_an_end(url: str, s3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.fault = lambda method, path: 503 if method == "GET" else None
    with pytest.raises(StoreError, match="0 of 5,242,880 bytes came"):
        download(RemoteAddress.read(url), tmp_path / "x")
    assert s3.count("GET") == patience.ATTEMPTS
    monkeypatch.setattr(module, "LARGEST", 2**20)
    with pytest.raises(StoreError, match="is this a file of weights"):
        download(RemoteAddress.read(url), tmp_path / "y")


def test_a_file_of_unknown_size_has_an_end_too(http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "www" / "cat.pt").write_bytes(DATA)
    monkeypatch.setattr(module, "_state", lambda place: (None, None))
    assert download(RemoteAddress.read(f"{http.url}/cat.pt"), tmp_path / "x").sha256 == SHA
    monkeypatch.setattr(module, "UNTOLD", 2**20)
    with pytest.raises(StoreError, match="its server does not tell how many"):
        download(RemoteAddress.read(f"{http.url}/cat.pt"), tmp_path / "y")
    assert not (tmp_path / "y.part").exists()


def test_another_file_at_the_same_address_is_another(tmp_path: Path) -> None:
    source = tmp_path / "cat.pt"
    source.write_bytes(DATA)
    first = download(RemoteAddress.read(str(source)), tmp_path / "x")
    source.write_bytes(DATA[::-1] + b"more")
    assert download(RemoteAddress.read(str(source)), tmp_path / "x").sha256 != first.sha256
    with pytest.raises(FileNotFoundError):
        download(RemoteAddress.read(str(tmp_path / "none")), tmp_path / "z")
