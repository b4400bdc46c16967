"""Where tests write, and what is left of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import conftest

ROOT = "PYTEST_DEBUG_TEMPROOT"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with room, in which programs may run; nobody has said where else to write."""
    monkeypatch.setattr(conftest, "MEMORY", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=conftest.ROOM + 1))
    monkeypatch.setattr(os, "statvfs", lambda folder: SimpleNamespace(f_flag=0))
    monkeypatch.setenv(ROOT, "")
    monkeypatch.delenv(ROOT)
    return tmp_path


def test_tests_write_to_memory(memory: Path) -> None:
    conftest.in_memory()
    assert os.environ[ROOT] == str(memory)


def test_who_says_where_is_heard(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT, "elsewhere")
    conftest.in_memory()
    assert os.environ[ROOT] == "elsewhere"


def test_a_system_without_such_a_folder(memory: Path) -> None:
    memory.rmdir()
    conftest.in_memory()
    assert ROOT not in os.environ


def test_a_folder_where_no_program_may_run(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda folder: SimpleNamespace(f_flag=os.ST_NOEXEC))
    conftest.in_memory()
    assert ROOT not in os.environ


def test_a_folder_without_room(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=conftest.ROOM))
    conftest.in_memory()
    assert ROOT not in os.environ


def test_what_passed_leaves_nothing(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("tmp_path_retention_policy") == "failed"
