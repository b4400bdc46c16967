"""Google's storage: throttled, forbidden, and with more than one request takes."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.remote import patience
from legonet.remote.address import RemoteAddress
from legonet.remote.objects import PART, Objects
from legonet.remote.place import Place
from tests.remote.servers import Served


def test_throttling_is_waited_for_and_has_an_end(gs: Served, caplog: pytest.LogCaptureFixture) -> None:
    place = Place(RemoteAddress.read(gs.url))
    place.write("one", b"1")
    answers = [503, 429, 500]
    gs.fault = lambda method, path: answers.pop(0) if answers else None
    assert place.read("one", 1) == b"1"
    assert not answers
    gs.fault = lambda method, path: 503
    gs.requests.clear()
    with caplog.at_level(logging.WARNING), pytest.raises(StoreError, match=r"gs://.*/one: failed, 6 times"):
        place.read("one", 1)
    assert len(gs.requests) == patience.ATTEMPTS
    assert not caplog.records  # gcsfs would log a traceback


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_is_told_at_once(gs: Served, status: int) -> None:
    gs.fault = lambda method, path: status
    with pytest.raises(StoreError, match="check your credentials"):
        Place(RemoteAddress.read(gs.url)).read("one", 1)
    assert len(gs.requests) == 1


def test_somebody_exchanges_between_looking_and_writing(gs: Served) -> None:
    place, other = (Place(RemoteAddress.read(gs.url)) for _ in range(2))
    assert place.swap("pointer", None, b"first", 10)

    def meanwhile(method: str, path: str) -> None:
        if method == "POST" and "upload" in path:
            gs.fault = lambda method, path: None
            assert other.swap("pointer", b"first", b"second", 10)

    gs.fault = meanwhile
    assert not place.swap("pointer", b"first", b"third", 10)
    assert place.read("pointer", 10) == b"second"


def test_a_blob_of_several_parts(gs: Served, tmp_path: Path) -> None:
    data = hashlib.sha256(b"some").digest() * (PART // 32 + 1)  # a part is sent in more than one request
    sha, objects = hashlib.sha256(data).hexdigest(), Objects(Place(RemoteAddress.read(gs.url)))
    assert objects.send(sha, [data])
    assert not objects.send(sha, [data])
    objects.fetch(sha, len(data), tmp_path / "blob")
    assert (tmp_path / "blob").read_bytes() == data
