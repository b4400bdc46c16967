"""What docs/python.md says, done to the letter."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


def test_it_runs_to_the_letter(
    blocks: Callable[..., list[str]], folder: Path, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    found = blocks("docs/python.md", "python")
    assert len(found) == 11
    with warnings.catch_warnings():
        for block in found:
            exec(block, names)  # noqa: S102 - our own
    out = capsys.readouterr().out
    assert "+  cat:classify  add" in out
    assert re.search(r"photos/cat/1\.jpg  cat:classify  (cat|other)  \d", out)
    assert "transplanted" in out
    assert names["fitted"] == ["cat:classify"]
    assert names["rows"][0]["image"] == "photos/cat/1.jpg"
    with Image.open("first.png") as first:
        assert first.size == (50, 40)
    for made in ("graphs/pets.yaml", "graphs/pets.lock.json", "shipped/model.py", "pets.dot"):
        assert (folder / made).is_file(), made
