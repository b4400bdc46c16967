"""A remote as the store of many machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from legonet.errors import SelectError, StoreError
from legonet.remote.address import RemoteAddress
from legonet.remote.store import RemoteStore
from legonet.run.options import RunOptions
from legonet.store.blobs import sha256


def test_what_one_machine_puts_another_reads_once(s3, tmp_path: Path) -> None:
    address = RemoteAddress.read(s3.url)
    one, other = RemoteStore(address, tmp_path / "one"), RemoteStore(address, tmp_path / "other")
    sha = one.put([b"some ", memoryview(b"bytes")])
    assert not other.has(sha256(b"none"))
    assert other.has(sha)
    assert other.looks_whole(sha)
    assert other.get(sha) == b"some bytes"
    s3.requests.clear()
    assert bytes(other.map(sha)) == b"some bytes"
    assert s3.requests == []


def test_what_is_damaged_here_is_fetched_again(tmp_path: Path) -> None:
    store = RemoteStore(RemoteAddress.read(str(tmp_path / "remote")), tmp_path / "here")
    sha = store.put(b"some bytes")
    store.path(sha).write_bytes(b"same bytes")
    with pytest.raises(StoreError, match="damaged"):
        store.get(sha)
    assert store.get(sha) == b"some bytes"


def test_it_keeps_what_it_reads_in_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = RemoteStore(RemoteAddress.read(str(tmp_path / "remote")))
    assert store.folder == tmp_path / "cache" / "legonet" / "blobs"


def test_a_password_does_not_travel() -> None:
    with pytest.raises(StoreError, match="holds a password") as caught:
        RemoteStore(RemoteAddress.read("https://me:hunter2@host/zoo"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("executor", ["inline", "process", None])
def test_a_run_on_one_machine_needs_none(executor: str | None) -> None:
    with pytest.raises(SelectError, match=r"--remote-store: found s3://b/zoo with .*expected ray"):
        RunOptions(executor=executor, remote="s3://b/zoo")


def test_a_store_is_shared_in_one_way() -> None:
    with pytest.raises(SelectError, match="--shared-store"):
        RunOptions(executor="ray", remote="s3://b/zoo", shared=True)
