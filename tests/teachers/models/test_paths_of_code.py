"""Looking for a function leaves the places where modules are found as they were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from legonet.errors import TeacherError
from legonet.teachers.models.table import find_model


def test_a_folder_that_was_there_already_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(Path.cwd()), *sys.path])
    before = list(sys.path)
    with pytest.raises(TeacherError):
        find_model("nowhere:make", [])
    assert sys.path == before
