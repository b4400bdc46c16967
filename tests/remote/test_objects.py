"""Blobs in a remote: sent once, in parts that go on where they were cut, verified when they arrive."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.remote import objects as module
from legonet.remote.address import RemoteAddress
from legonet.remote.objects import Objects, name_of
from legonet.remote.place import Place

DATA = random.Random(0).randbytes(10_500)
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 1000)


@pytest.fixture
def remote(tmp_path: Path) -> Place:
    return Place(RemoteAddress.read(str(tmp_path / "remote")))


def fetched(place: Place, file: Path, sha: str = SHA, size: int | None = len(DATA)) -> bytes:
    Objects(place).fetch(sha, size, file)
    return file.read_bytes()


@pytest.mark.parametrize("pieces", [[DATA], [DATA[:1], DATA[1:999], DATA[999:5000], memoryview(DATA)[5000:]]])
@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_large_blob_travels_in_parts(
    remote: Place, tmp_path: Path, pieces: list[bytes], size: int | None
) -> None:
    told: list[int] = []
    assert Objects(remote, told.append).send(SHA, pieces)
    assert sum(told) == len(DATA)
    sizes = [each.stat().st_size for each in (tmp_path / "remote").rglob("*") if each.is_file()]
    assert sorted(sizes)[-10:] == [1000] * 10
    assert fetched(remote, tmp_path / "blob", size=size) == DATA
    assert Objects(remote).read(SHA, 20_000) == DATA
    with pytest.raises(StoreError, match="more than 9,000 bytes"):
        Objects(remote).read(SHA, 9000)


def test_nothing_is_sent_twice(s3) -> None:
    place = Place(RemoteAddress.read(s3.url))
    assert Objects(place).send(SHA, [DATA])
    assert s3.count("PUT") == 12  # eleven parts, and their list
    s3.requests.clear()
    assert not Objects(Place(RemoteAddress.read(s3.url))).send(SHA, [DATA])
    assert s3.count("PUT") == 0
    assert len(s3.requests) <= 2


def test_what_was_cut_while_it_was_sent_goes_on(s3) -> None:
    place, puts = Place(RemoteAddress.read(s3.url)), 0

    def cut(method: str, path: str) -> int | None:
        nonlocal puts
        puts += method == "PUT"
        return 403 if puts > 7 else None

    s3.fault = cut
    with pytest.raises(StoreError):
        Objects(place).send(SHA, [DATA])
    s3.fault = lambda method, path: None
    assert not Objects(place).has(SHA, len(DATA))
    s3.requests.clear()
    assert Objects(place).send(SHA, [DATA])
    assert s3.count("PUT") == 12 - 7


def test_what_was_cut_while_it_was_fetched_goes_on(s3, tmp_path: Path) -> None:
    place, gets = Place(RemoteAddress.read(s3.url)), 0
    Objects(place).send(SHA, [DATA])

    def cut(method: str, path: str) -> int | None:
        nonlocal gets
        gets += method == "GET"
        return 403 if gets > 5 else None

    s3.fault = cut
    with pytest.raises(StoreError):
        fetched(place, tmp_path / "blob")
    assert (tmp_path / "blob").read_bytes() == DATA[:4000]
    s3.fault = lambda method, path: None
    s3.requests.clear()
    assert fetched(place, tmp_path / "blob") == DATA
    assert s3.count("GET") == 1 + 7  # the list, and the parts that were lacking


def test_a_connection_that_is_cut_in_an_answer_is_tried_again(s3, tmp_path: Path) -> None:
    place, cuts = Place(RemoteAddress.read(s3.url)), [0]
    Objects(place).send(SHA, [DATA])

    def halved(method: str, path: str):
        cuts[0] += 1
        return (lambda body: body[: len(body) // 2]) if cuts[0] == 3 else None

    s3.fault = halved
    assert fetched(place, tmp_path / "blob") == DATA
    assert cuts[0] == 13


def test_wrong_bytes_are_refused_and_asked_for_again(http, tmp_path: Path) -> None:
    small, sha = b"small", hashlib.sha256(b"small").hexdigest()
    local = Place(RemoteAddress.read(str(tmp_path / "www")))
    Objects(local).send(sha, [small])
    wrong = [True, True]
    http.fault = lambda method, path: (lambda body: b"smell") if wrong and wrong.pop() else None
    place = Place(RemoteAddress.read(http.url))
    assert fetched(place, tmp_path / "blob", sha, 5) == small
    assert http.count("GET") == 3
    http.fault = lambda method, path: lambda body: b"smell"
    with pytest.raises(StoreError, match=r"asked for 3 times, do not match its name"):
        fetched(place, tmp_path / "other", sha, 5)
    assert (tmp_path / "other").read_bytes() == b""


def test_a_beginning_that_is_wrong_is_no_harm(remote: Place, tmp_path: Path) -> None:
    Objects(remote).send(SHA, [DATA])
    (tmp_path / "blob").write_bytes(b"x" * 4500)
    assert fetched(remote, tmp_path / "blob") == DATA
    (tmp_path / "longer").write_bytes(DATA + b"more")
    assert fetched(remote, tmp_path / "longer") == DATA


@pytest.mark.parametrize(
    "index",
    [
        b"nothing",
        b"[]",
        b'{"parts": 3}',
        b'{"parts": [["../../etc", 10500]]}',
        json.dumps({"parts": [["0" * 64, 10_500]]}).encode(),
        json.dumps({"parts": [["0" * 64, -1], ["0" * 64, 10_501]]}).encode(),
        json.dumps({"parts": [["0" * 64, True]]}).encode(),
        json.dumps({"parts": [["0" * 64, 2**40]]}).encode(),
        b"[" * 100_000,
        b" " * 10_000_000,
    ],
)
def test_lists_of_parts_are_not_trusted(remote: Place, tmp_path: Path, index: bytes) -> None:
    remote.write(f"{name_of(SHA)}.parts", index)
    with pytest.raises(
        StoreError, match=rf"{SHA[:10]}: its list|0000000000: a part is not there|{SHA}.parts: has more"
    ):
        fetched(remote, tmp_path / "blob")


def test_a_list_of_other_parts_is_found_by_the_whole(remote: Place, tmp_path: Path) -> None:
    other = b"y" * len(DATA)
    Objects(remote).send(sha := hashlib.sha256(other).hexdigest(), [other])
    index = remote.read(f"{name_of(sha)}.parts", 10_000)
    remote.write(f"{name_of(SHA)}.parts", index)
    with pytest.raises(StoreError, match="not match its name"):
        fetched(remote, tmp_path / "blob")
    assert not (tmp_path / "blob").exists()
