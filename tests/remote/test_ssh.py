"""Folders of another machine: known or not, with connections that are cut and pushes that are interrupted."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from paramiko import sftp_file

from legonet.errors import StoreError
from legonet.remote import exchange
from legonet.remote.address import RemoteAddress
from legonet.remote.objects import PART, Objects
from legonet.remote.place import Place
from tests.remote.ssh import Machine

FILE: Any = sftp_file.SFTPFile


def test_a_machine_whose_key_is_not_known_is_not_asked(ssh: Machine) -> None:
    (ssh.home / ".ssh" / "known_hosts").unlink()
    with pytest.raises(StoreError, match=r"zoo: its key is not known.*run: ssh zoo"):
        Place(RemoteAddress.read(ssh.url)).read("one", 1)


def test_a_machine_that_shows_another_key_is_not_asked(ssh: Machine, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    known = ssh.home / ".ssh" / "known_hosts"
    other = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    known.write_text(f"{known.read_text().split()[0]} {other}\n")
    with pytest.raises(StoreError, match="another key than the one that is known"):
        Place(RemoteAddress.read(ssh.url)).read("one", 1)


def test_who_has_no_key_is_told_at_once(ssh: Machine) -> None:
    config = ssh.home / ".ssh" / "config"
    config.write_text("\n".join(config.read_text().splitlines()[:-1]))
    with pytest.raises(StoreError, match="check your credentials"):
        Place(RemoteAddress.read(ssh.url)).read("one", 1)


def test_a_connection_that_is_cut_is_made_again(ssh: Machine) -> None:
    place = Place(RemoteAddress.read(ssh.url))
    place.write("one", b"1")
    place.files._client.get_transport().close()
    assert place.read("one", 1) == b"1"


def test_nothing_half_written_is_seen(ssh: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(RemoteAddress.read(ssh.url))
    place.write("one", b"1")
    monkeypatch.setattr(place.files, "mv", lambda *given: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StoreError, match="No space left"):
        place.write("one", b"2")
    assert [each.name for each in ssh.folder.iterdir()] == ["one"]
    assert place.read("one", 1) == b"1"


def test_what_came_in_part_is_not_taken(ssh: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the answer to each piece: a machine without room would say so in vain."""
    place = Place(RemoteAddress.read(ssh.url))
    place.write("one", b"1")
    write = FILE._write

    def some(self: Any, data: memoryview) -> int:
        if len(data) > 1000:
            write(self, data[:1000])
            return len(data)
        return write(self, data)

    monkeypatch.setattr(FILE, "_write", some)
    monkeypatch.setattr("legonet.remote.patience.time.sleep", lambda seconds: None)
    with pytest.raises(StoreError, match=r"one: failed.*size mismatch"):
        place.write("one", bytes(100_000))
    assert [each.name for each in ssh.folder.iterdir()] == ["one"]
    assert place.read("one", 1) == b"1"


def test_pieces_are_not_waited_for_one_by_one(ssh: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    place, waited = Place(RemoteAddress.read(ssh.url)), Counter[bool]()
    write = FILE._write

    def noted(self: Any, data: memoryview) -> int:
        waited[not self.pipelined] += 1
        return write(self, data)

    monkeypatch.setattr(FILE, "_write", noted)
    place.write("one", bytes(300_000))
    assert waited.keys() == {False}
    assert place.read("one", 300_000) == bytes(300_000)


def test_a_push_that_was_interrupted_at_its_end_is_told(
    ssh: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "HELD", 0.01)
    place = Place(RemoteAddress.read(ssh.url))
    assert place.make("pointer.lock")
    with pytest.raises(StoreError, match=r"pointer.lock: has been there for .* delete this file there"):
        place.swap("pointer", None, b"1", 10)
    (ssh.folder / "pointer.lock").unlink()
    assert place.swap("pointer", None, b"1", 10)
    assert [each.name for each in ssh.folder.iterdir()] == ["pointer"]


def test_a_blob_of_several_parts(ssh: Machine, tmp_path: Path) -> None:
    data = hashlib.sha256(b"some").digest() * (PART // 32 + 1)
    sha, objects = hashlib.sha256(data).hexdigest(), Objects(Place(RemoteAddress.read(ssh.url)))
    assert objects.send(sha, [data])
    assert not objects.send(sha, [data])
    objects.fetch(sha, len(data), tmp_path / "blob")
    assert (tmp_path / "blob").read_bytes() == data
