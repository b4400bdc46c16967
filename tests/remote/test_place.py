"""Files of a remote, of every kind: read within bounds, written whole, exchanged only if unchanged."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.remote import patience
from legonet.remote.address import RemoteAddress
from legonet.remote.place import Place


@pytest.fixture(params=["folder", "memory", "s3", "gs", "ssh"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param in ("s3", "gs", "ssh"):
        return request.getfixturevalue(request.param).url
    return str(tmp_path / "remote") if request.param == "folder" else f"memory://{tmp_path.name}"


def opened(url: str) -> Place:
    return Place(RemoteAddress.read(url))


def test_what_is_written_is_read(url: str) -> None:
    place = opened(url)
    place.write("objects/ab/abc", b"some bytes")
    assert opened(url).read("objects/ab/abc", 10) == b"some bytes"
    assert place.size("objects/ab/abc") == 10
    assert place.size("objects/ab/other") is None
    with pytest.raises(FileNotFoundError):
        place.read("objects/ab/other", 10)


def test_no_more_is_read_than_may_be(url: str) -> None:
    place = opened(url)
    place.write("large", bytes(1000))
    with pytest.raises(StoreError, match=r"large: has more than 999 bytes"):
        place.read("large", 999)


def test_a_file_is_exchanged_only_if_nobody_else_has(url: str) -> None:
    place = opened(url)
    assert place.swap("pointer", None, b"one", 10)
    assert not opened(url).swap("pointer", None, b"other", 10)
    assert place.swap("pointer", b"one", b"two", 10)
    assert not opened(url).swap("pointer", b"one", b"three", 10)
    assert place.read("pointer", 10) == b"two"


def test_of_many_who_exchange_at_once_one_does(url: str) -> None:
    places = [opened(url) for _ in range(6)]
    places[0].write("pointer", b"before")
    won: list[int] = []
    begin = threading.Barrier(len(places))

    def swap(number: int) -> None:
        begin.wait()
        if places[number].swap("pointer", b"before", b"by %d" % number, 10):
            won.append(number)

    threads = [threading.Thread(target=swap, args=(number,)) for number in range(len(places))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(won) == 1
    assert places[0].read("pointer", 10) == b"by %d" % won[0]


def test_nothing_half_written_is_seen_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = opened(str(tmp_path / "remote"))
    place.write("one", b"1")

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place.files, "mv", full)
    with pytest.raises(StoreError, match="No space left"):
        place.write("one", b"2")
    assert [each.name for each in (tmp_path / "remote").iterdir()] == ["one"]
    assert place.read("one", 1) == b"1"


def test_links_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    remote, outside = tmp_path / "remote", tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    remote.mkdir()
    (remote / "objects").symlink_to(outside)
    (remote / "legonet.json").symlink_to(outside / "secret")
    place = opened(str(remote))
    with pytest.raises(StoreError, match="link"):
        place.write("objects/new", b"1")
    with pytest.raises(StoreError, match="link"):
        place.read("legonet.json", 100)
    assert [each.name for each in outside.iterdir()] == ["secret"]


def test_throttling_is_waited_for_and_has_an_end(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    place = opened(s3.url)
    place.write("one", b"1")
    answers = [503, 503, 429]
    s3.fault = lambda method, path: answers.pop(0) if answers else None
    assert place.read("one", 1) == b"1"
    assert not answers
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    s3.fault = lambda method, path: 503
    s3.requests.clear()
    with pytest.raises(StoreError, match=r"s3://.*/one: failed, 6 times .*run the command again"):
        place.read("one", 1)
    assert len(s3.requests) == patience.ATTEMPTS
    assert len(pauses) == patience.ATTEMPTS - 1
    assert all(0.5 <= pause / (0.001 * 2**number) <= 1 for number, pause in enumerate(pauses))


def test_who_may_not_is_told_at_once(s3) -> None:
    s3.fault = lambda method, path: 403
    with pytest.raises(StoreError, match="check your credentials") as caught:
        opened(s3.url).read("one", 1)
    assert len(s3.requests) == 1
    assert "hidden" not in str(caught.value)


def test_a_server_of_files_is_read_only(http, tmp_path: Path) -> None:
    (tmp_path / "www" / "one").write_bytes(b"12345")
    place = opened(http.url)
    assert place.read("one", 5) == b"12345"
    assert http.count("GET") == 1
    with pytest.raises(StoreError, match="is read-only"):
        place.write("one", b"2")
    with pytest.raises(FileNotFoundError):
        place.read("two", 5)


def test_a_server_that_sends_without_end_is_left(http, tmp_path: Path) -> None:
    (tmp_path / "www" / "one").write_bytes(b"1")
    http.fault = lambda method, path: lambda body: bytes(50 * 2**20)
    with pytest.raises(StoreError, match="has more than 10 bytes"):
        opened(http.url).read("one", 10)


@pytest.mark.parametrize("text", ["ftp://host/x", "s3://b/x::file:///etc", "zip://a", "", "a\nb", "x" * 3000])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(StoreError, match="expected"):
        RemoteAddress.read(text)


def test_passwords_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    address = RemoteAddress.read("http://me:hunter2@127.0.0.1:9/zoo?token=abc")
    assert "hunter2" not in repr(address)
    assert "abc" not in address.shown
    assert address.secret
    monkeypatch.setattr(patience, "ATTEMPTS", 2)
    with pytest.raises(StoreError) as caught:
        Place(address).read("one", 1)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StoreError, match=r"s3fs is not installed.*legonet\[remote\]"):
        opened("s3://bucket/zoo").read("one", 1)
