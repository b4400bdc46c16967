"""What the user allows to be run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.teachers.models.allowed import allowed_code, permissions_file


@pytest.fixture
def permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = permissions_file()
    file.parent.mkdir(parents=True)
    return file


def test_permissions_are_of_one_workspace(tmp_path: Path, permissions: Path) -> None:
    zoo, other = tmp_path / "zoo", tmp_path / "other"
    zoo.mkdir()
    assert allowed_code(zoo) == frozenset()
    permissions.write_text(f"{zoo}: [a.b:make, nets/net.pt2]\n{other}: [c:make]\n")
    assert allowed_code(zoo) == {"a.b:make", os.path.realpath(zoo / "nets" / "net.pt2")}
    assert allowed_code(other) == {"c:make"}
    assert allowed_code(tmp_path) == frozenset()
    permissions.write_text("# nothing\n")
    assert allowed_code(zoo) == frozenset()


def test_workspaces_are_told_apart_by_their_real_paths(tmp_path: Path, permissions: Path) -> None:
    zoo, link = tmp_path / "zoo", tmp_path / "link"
    zoo.mkdir()
    link.symlink_to(zoo)
    permissions.write_text(f"{zoo}: [a.b:make]\n")
    assert allowed_code(link) == {"a.b:make"}


@pytest.mark.parametrize("text", ["/zoo: a.b:make", "zoo: [a.b:make]", "[a.b:make]", "/zoo: [1]", "/zoo: [b"])
def test_other_files_are_refused(tmp_path: Path, permissions: Path, text: str) -> None:
    permissions.write_text(text)
    with pytest.raises(StoreError, match=r"allowed-code\.yaml"):
        allowed_code(tmp_path)


def test_the_folder_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")  # relative ones are to be ignored, says XDG
    assert permissions_file() == tmp_path / ".config" / "legonet" / "allowed-code.yaml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert permissions_file() == tmp_path / ".config" / "legonet" / "allowed-code.yaml"
