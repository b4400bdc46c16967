"""Blobs: addressed by content, written whole or not at all, verified when read."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.errors import StoreError
from legonet.graph.atomic import write_atomically
from legonet.store.blobs import BlobStore, MemoryStore, Store
from legonet.store.plain_files import write_file

ABSENT = "0" * 64


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return Store(tmp_path / "blobs") if request.param == "folder" else MemoryStore()


@given(st.binary(max_size=300))
def test_memory_returns_what_was_put(data: bytes) -> None:
    store = MemoryStore()
    assert store.get(store.put(data)) == data


def test_address_is_the_sha256_and_bytes_come_back(store: BlobStore) -> None:
    for data in (b"", b"brick", bytes(range(256)) * 999):
        sha = store.put(data)
        assert sha == hashlib.sha256(data).hexdigest()
        assert store.has(sha)
        assert store.get(sha) == data
        assert store.put(data) == sha


def test_missing_blob(store: BlobStore) -> None:
    assert not store.has(ABSENT)
    with pytest.raises(StoreError, match=f"there is no blob {ABSENT}; run `legonet transplant`"):
        store.get(ABSENT)


@pytest.mark.parametrize(
    "address", ["", "abc", "../../etc/passwd", "A" * 64, "0" * 63 + "\n", "0" * 64 + "\n"]
)
def test_what_is_no_address_is_refused(store: BlobStore, address: str) -> None:
    for method in (store.get, store.has, store.path):
        with pytest.raises(StoreError, match="is not a blob's address"):
            method(address)


def test_folder_fans_out_on_two_levels_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sha = store.put(b"brick")
    assert store.path(sha) == tmp_path / sha[:2] / sha[2:4] / sha
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [store.path(sha)]


def test_memory_has_no_files() -> None:
    with pytest.raises(StoreError, match="has no file"):
        MemoryStore().path(ABSENT)


def test_putting_an_existing_blob_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    sha = store.put(b"brick")
    monkeypatch.setattr("legonet.store.blobs.write_atomically", None)
    assert store.put(b"brick") == sha


def test_putting_mends_a_blob_that_was_cut_short(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sha = store.put(b"brick")
    store.path(sha).write_bytes(b"bri")
    store.put(b"brick")
    assert store.get(sha) == b"brick"


@pytest.mark.parametrize("damage", [b"bricK", b"bri", b""])
def test_a_damaged_blob_is_moved_aside_and_can_be_put_again(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path)
    sha = store.put(b"brick")
    store.path(sha).write_bytes(damage)
    with pytest.raises(StoreError, match="the blob is damaged: its sha256 is") as caught:
        store.get(sha)
    assert str(store.path(sha)) in str(caught.value)
    assert not store.has(sha)
    assert (tmp_path / "damaged" / sha).read_bytes() == damage
    store.put(b"brick")
    assert store.get(sha) == b"brick"


def test_a_damaged_blob_that_cannot_be_moved_is_still_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    sha = store.put(b"brick")
    store.path(sha).write_bytes(b"bricK")
    (tmp_path / "damaged").write_text("in the way")
    with pytest.raises(StoreError, match="could not be moved aside"):
        store.get(sha)


def test_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    old = store.put(b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="cannot be written: No space left on device; check"):
        store.put(b"new")
    monkeypatch.undo()
    assert store.get(old) == b"old"
    assert not store.has(hashlib.sha256(b"new").hexdigest())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [store.path(old)]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old = store.put(b"old")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot be written"):
            store.put(b"new")
        assert store.get(old) == b"old"
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("in the way")
    store = Store(tmp_path / "blobs")
    with pytest.raises(StoreError, match="cannot be written"):
        store.put(b"new")
    with pytest.raises(StoreError, match="cannot be read"):
        store.get(ABSENT)


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def interrupt(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_have_the_usual_mode(tmp_path: Path) -> None:
    write_atomically(tmp_path / "blob", b"x")
    (tmp_path / "plain").write_bytes(b"x")
    assert (tmp_path / "blob").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_and_its_folders(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "b" / "file", b"bytes")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"bytes"
    with pytest.raises(StoreError, match=r"file/x: cannot be written .*; what was there is untouched"):
        write_file(tmp_path / "a" / "b" / "file" / "x", b"")


class TestMap:
    def test_what_is_written_to_the_memory_stays_there(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        sha = store.put(b"some bytes")
        view = store.map(sha)
        assert bytes(view) == b"some bytes"
        view[0] = 0
        assert store.get(sha) == bytes(store.map(sha)) == b"some bytes"

    def test_in_memory_it_is_read_only(self) -> None:
        store = MemoryStore()
        assert store.map(store.put(b"some bytes")).readonly

    @pytest.mark.parametrize("damage", [b"", b"other byte"])
    def test_damage(self, tmp_path: Path, damage: bytes) -> None:
        store = Store(tmp_path)
        sha = store.put(b"some bytes")
        store.path(sha).write_bytes(damage)
        with pytest.raises(StoreError, match=r"is damaged: .* it was moved to"):
            store.map(sha)
        with pytest.raises(StoreError, match="there is no blob"):
            store.map(sha)
