"""Files are compared with bytes in pieces, without being read at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from legonet.store.plain_files import holds, write_file


@pytest.mark.parametrize(
    ("pieces", "same"),
    [
        ([b"abc", b"", b"def"], True),
        ([memoryview(b"abcdef")], True),
        ([b"abc", b"dex"], False),
        ([b"abcde"], False),
        ([b"abcdefg"], False),
        ([], False),
    ],
)
def test_what_a_file_holds(tmp_path: Path, pieces: list[bytes], same: bool) -> None:
    write_file(tmp_path / "folder" / "file", [b"ab", memoryview(b"cdef")])
    assert (tmp_path / "folder" / "file").read_bytes() == b"abcdef"
    assert holds(tmp_path / "folder" / "file", pieces) is same


def test_long_files(tmp_path: Path) -> None:
    data = bytes(3 * 2**20 + 5)
    write_file(tmp_path / "file", data)
    assert holds(tmp_path / "file", [data])
    assert not holds(tmp_path / "file", [data[:-1] + b"x"])
