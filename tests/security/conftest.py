"""A workspace of a stranger, and what must stay as it was beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from legonet.graph.lock import lock_path

# What is imported after `legonet` itself, installed or not: torch tries some that are not.
NAMES = (
    "torch",
    "numpy",
    "json",
    "yaml",
    "pydantic",
    "safetensors",
    "typer",
    "rich",
    "triton",
    "logging",
    "ray",
)


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


@pytest.fixture
def trapped(workspace: Path, canary: Path) -> Path:
    """A workspace with such modules, to be worked in; its adapters are to be fitted."""
    for name in NAMES:
        text = f"open({str(canary)!r}, 'a').write({name!r})\nraise ImportError('a trap')\n"
        (workspace / f"{name}.py").write_text(text)
    lock_path(workspace / "graphs" / "zoo.yaml").unlink()
    (workspace / ".legonet" / "journal.sqlite").unlink(missing_ok=True)
    return workspace


def fits_by(method: str, trapped: Path) -> None:
    """Let adapters of its task be fitted by a method."""
    file = trapped / "graphs" / "zoo.yaml"
    text = file.read_text()
    assert text.count("output: {kind: binary}") == 1
    file.write_text(text.replace("output:", f"adapter: {{kernel: 1, method: {method}}}, output:"))


@pytest.fixture
def briefly(trapped: Path) -> None:
    """Adapters are fitted by what fits them usually, in few steps."""
    fits_by("{name: auto, steps: 4, imagined: 32}", trapped)


@pytest.fixture
def at_once(trapped: Path) -> None:
    """Adapters take no time to fit, where what is imported for a longer fit is looked at elsewhere."""
    fits_by("{name: closed-form, draws: 2, masks: random}", trapped)
