"""Everything that a GPU could trip over, without one: `tests/device` on a device that only pretends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEVICE = Path(__file__).parent / "device"


@pytest.mark.skipif(os.environ.get("LEGONET_DEVICE") == "pretend", reason="this is that process")
def test_on_a_device_that_pretends() -> None:
    """In a process of its own: what torch is given as a device it keeps, and no other test should meet it."""
    path = os.pathsep.join([str(DEVICE / "plugin"), str(DEVICE.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        "PYTHONPATH": path.rstrip(os.pathsep),
        "LEGONET_DEVICE": "pretend",
        "TORCH_DEVICE_BACKEND_AUTOLOAD": "1",
    }
    command = [sys.executable, "-m", "pytest", str(DEVICE), "-p", "no:cacheprovider"]
    ended = subprocess.run(command, env=environment, cwd=DEVICE.parents[1], capture_output=True, text=True)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert "skipped" not in ended.stdout, ended.stdout  # as they all are without a device
