"""Files of others are opened in one place, which never waits, never fills the memory and follows no link."""

import os
import socket
from pathlib import Path

import pytest

from legonet import foreign
from legonet.errors import DataError, GraphError, LegonetError, TeacherError

SMALL = foreign.Kind("lock file", 4, GraphError)


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1234")
    assert foreign.read(tmp_path / "a", SMALL) == b"1234"
    assert foreign.read_if_there(tmp_path / "a", SMALL) == b"1234"


def test_a_larger_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    with pytest.raises(GraphError, match=r"a: 0.0 MiB; expected a lock file of at most 0 MiB"):
        foreign.read(tmp_path / "a", SMALL)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no file here whose size is a lie")
def test_what_says_it_is_empty_and_is_not_is_read_only_so_far() -> None:
    with pytest.raises(GraphError, match="expected a lock file of at most"):
        foreign.read("/proc/self/status", SMALL)


def test_what_is_not_there_is_told_or_is_none(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"weights: no such file; expected a file of weights; check"):
        foreign.read(tmp_path / "a", foreign.WEIGHTS, where="weights")
    assert foreign.read_if_there(tmp_path / "a", foreign.WEIGHTS) is None


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (_fifo, "not a regular file"),
        (_socket, "cannot be read"),
        (Path.mkdir, "a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "a link"),
        (lambda path: path.symlink_to(__file__), "a link"),
        (lambda path: path.symlink_to("nowhere"), "a link"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(make, found: str, tmp_path: Path) -> None:
    make(tmp_path / "a")
    with pytest.raises(DataError, match=rf"a: {found}.*; expected an image; "):
        foreign.read(tmp_path / "a", foreign.IMAGE)
    with pytest.raises(DataError):
        foreign.read_if_there(tmp_path / "a", foreign.IMAGE)


def test_a_link_that_the_user_named_is_followed_to_a_file_and_to_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "a").symlink_to("file")
    (tmp_path / "b").symlink_to("/dev/zero")
    assert foreign.read(tmp_path / "a", SMALL, follow=True) == b"1"
    with pytest.raises(GraphError, match="not a regular file"):
        foreign.read(tmp_path / "b", SMALL, follow=True)


def test_no_path_is_no_bug() -> None:
    with pytest.raises(LegonetError, match="not a path"):
        foreign.read("a\0b", SMALL)
