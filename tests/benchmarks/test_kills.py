"""A slice of `python -m benchmarks kills`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
@pytest.mark.parametrize(
    ("way", "points"),
    [
        *[("a run", "3"), ("permissions", "4"), ("finetune", "4")],
        *[pytest.param(way, "20", marks=pytest.mark.slow) for way in ("a run", "permissions", "finetune")],
    ],
)
def test_a_few_kills(way: str, points: str) -> None:
    """In a process of its own, as its runs are forked from one that has not computed yet."""
    command = [sys.executable, "-m", "benchmarks", "kills", "--points", points, "--only", way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same afterwards" in done.stderr
