"""A workspace of a stranger, and what must stay as it was beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that exists only if code of the workspace ran."""
    return tmp_path / "canary"


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder beside the workspace, with files of the user's."""
    folder = tmp_path / "beside"
    for name in ("notes.txt", "deep/photo.png", "aa/bb/blob"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"the user's {name}")
    return folder


@pytest.fixture
def untouched(beside: Path) -> Callable[[], bool]:
    """Whether that folder is as it was."""

    def content() -> dict[Path, bytes | None]:
        return {file: file.read_bytes() if file.is_file() else None for file in beside.rglob("*")}

    before = content()
    return lambda: content() == before
