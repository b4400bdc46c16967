"""A slice of `python -m benchmarks at-once`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_few_commands_at_once() -> None:
    """In a process of its own, as its commands are forked from one that has not computed yet."""
    command = [sys.executable, "-m", "benchmarks", "at-once", "--commands", "12", "--processes", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout
