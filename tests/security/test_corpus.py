"""What coverage-guided fuzzing came upon is read, or refused by a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz.guided import read, readers

CORPUS = Path(__file__).with_name("corpus")


@pytest.mark.parametrize("name", ["yaml", "json", "safetensors", "checkpoint"])
def test_the_corpus_is_read_or_refused(name: str, tmp_path: Path) -> None:
    assert name in readers()
    files = sorted((CORPUS / name).iterdir())
    assert len(files) >= 10
    for file in files:
        read(name, file.read_bytes(), tmp_path)
