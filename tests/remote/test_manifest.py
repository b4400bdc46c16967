"""What a remote says that it holds is read as a stranger's word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from legonet.errors import StoreError
from legonet.remote.address import RemoteAddress
from legonet.remote.manifest import POINTER, Manifest, Sent, is_safe, look, pointer_to
from legonet.remote.objects import Objects
from legonet.remote.place import Place
from legonet.store.blobs import sha256

SENT = Sent(sha256="a" * 64, size=1)
FILES = {"graphs/zoo.yaml": SENT, "graphs/zoo.lock.json": SENT}


@pytest.fixture
def remote(tmp_path: Path) -> Place:
    return Place(RemoteAddress.read(str(tmp_path / "remote")))


def publish(remote: Place, **changes: Any) -> None:
    known: dict[str, Any] = {
        "name": "zoo",
        "graph": "graphs/zoo.yaml",
        "lock": "graphs/zoo.lock.json",
        "files": FILES,
    }
    manifest = Manifest.model_construct(**(known | changes))
    data = json.dumps(
        manifest.model_dump(mode="json", by_alias=True, warnings=False) | {"legonet-manifest": 1}
    ).encode()
    Objects(remote).send(sha256(data), [data])
    pointer = pointer_to(Manifest(**known), data)
    remote.write(POINTER, pointer.dump())


def test_nothing_is_there(remote: Place) -> None:
    assert look(remote) is None


def test_what_was_published_is_found(remote: Place) -> None:
    publish(remote)
    found = look(remote)
    assert found is not None
    assert found.manifest.files == FILES
    assert look(remote, found) is found


@pytest.mark.parametrize(
    "name",
    [
        "../zoo.yaml",
        "graphs/../../zoo.yaml",
        "/etc/zoo.yaml",
        "C:/zoo.yaml",
        "graphs\\zoo.yaml",
        ".github/workflows/ci.yaml",
        "graphs/.zoo.yaml",
        "graphs/con.yaml",
        "graphs/zoo.yaml ",
        "graphs/zoo.py",
        "graphs//zoo.yaml",
        "graphs/zoo\n.yaml",
        "~/zoo.yaml",
        "a/" * 9 + "zoo.yaml",
        "x" * 200 + ".yaml",
        "graphs/zoo.yaml:stream.yaml",
    ],
)
def test_names_that_lead_elsewhere_are_refused(remote: Place, name: str) -> None:
    assert not is_safe(name)
    publish(remote, files={**FILES, name: SENT})
    with pytest.raises(StoreError, match="expected one inside of the workspace"):
        look(remote)


@pytest.mark.parametrize(
    "name", ["zoo.yaml", "graphs/zoo.yaml", "blocks/é_1@2 b.json", "graphs/zoo.lock.json"]
)
def test_names_that_people_give_are_taken(name: str) -> None:
    assert is_safe(name)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "other"}, "is of the network 'other'"),
        ({"files": {**FILES, "graphs/ZOO.yaml": SENT}}, "one on some systems"),
        ({"graph": "graphs/else.yaml"}, "no graph file or no lock file"),
        ({"lock": "graphs/zoo.yaml"}, "expected the one beside"),
        ({"blobs": {"short": 1}}, "not what `legonet push` writes"),
        ({"blobs": {"a" * 64: -1}}, "not what `legonet push` writes"),
        ({"blobs": {"a" * 64: 2**60}}, "not what `legonet push` writes"),
        (
            {"elsewhere": {"x": {"sha256": "a" * 64, "blobs": ["b" * 64] * 9}}},
            "not what `legonet push` writes",
        ),
    ],
)
def test_lists_that_say_something_else_are_refused(remote: Place, changes: dict[str, Any], said: str) -> None:
    publish(remote, **changes)
    with pytest.raises(StoreError, match=said):
        look(remote)


@pytest.mark.parametrize(
    "raw",
    [b"{}", b"[]", b"x", b'{"legonet-remote": 2}', b"\xff" * 40, b"[" * 4000],
)
def test_pointers_of_something_else_are_refused(remote: Place, raw: bytes) -> None:
    remote.write(POINTER, raw)
    with pytest.raises(StoreError, match=r"not what `legonet push` writes|has more than"):
        look(remote)


def test_a_list_that_has_no_end_is_not_read(remote: Place) -> None:
    pointer = {"legonet-remote": 1, "name": "zoo", "manifest": "a" * 64, "size": 2**33}
    remote.write(POINTER, json.dumps(pointer).encode())
    with pytest.raises(StoreError, match="is this a remote of legonet"):
        look(remote)
