from __future__ import annotations

from pathlib import Path

import pytest

from legonet.graph.atomic import write_atomically


@pytest.mark.parametrize("target", ["file", "nowhere"])
def test_a_link_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="a link, which is not followed"):
        write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "link"]


def test_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
