"""The bench of predicting many images, on a few."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.memory import STATUS, peak
from benchmarks.streaming import fill, peak_of


@pytest.mark.skipif(not STATUS.exists(), reason="memory is told by Linux only")
def test_the_command_runs(graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [])
    fill(tmp_path, 3)
    assert [each.name for each in sorted(tmp_path.glob("*.png"))] == [f"image-00000{n}.png" for n in range(3)]
    assert peak_of(str(graph_file), "cat:classify", str(tmp_path)) >= peak() > 2**20
    with pytest.raises(RuntimeError, match="predict ended with 1"):
        peak_of(str(graph_file), "cat:nothing", str(tmp_path))
