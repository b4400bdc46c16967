"""Memory on a disk."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from legonet.errors import TeacherError
from legonet.teachers.weights.scratch import Scratch


def test_tensors_keep_to_themselves_and_leave_nothing(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    given = [torch.randn(size).half() for size in (0, 1, 7, 300_000, 5, 600_000)]
    found = [scratch.converted(each, torch.float32) for each in given]
    for before, after in zip(given, found, strict=True):
        assert torch.equal(before.float(), after)
        assert after.data_ptr() % 64 == 0
    assert scratch.converted(found[1], torch.float32) is found[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="such a disk tells so when it is written to")
def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(TeacherError, match=r"1 MiB of temporary room cannot be had \(No space left"):
        Scratch(tmp_path).room(8)


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.TemporaryFile

    def refused(*, dir: Path | None = None) -> Any:  # noqa: A002 - as tempfile calls it
        if dir is not None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return make()

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    assert len(Scratch(tmp_path).room(8)) == 8
