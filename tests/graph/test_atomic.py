from __future__ import annotations

from pathlib import Path

from legonet.graph.atomic import write_atomically


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "file")
    for data in (b"first", b"second"):
        write_atomically(tmp_path / "link", data)
        assert (tmp_path / "real" / "file").read_bytes() == data
    assert (tmp_path / "link").is_symlink()
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["file", "link", "real"]


def test_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
