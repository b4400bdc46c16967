from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import cells
from benchmarks.cell_teachers import Measured
from benchmarks.cells import Fit, run_cells, table

TEACHER = Measured(0.15, 0.2, 0.9)


def fit(path: str, size: int = 0) -> Fit:
    found = Measured(0.16, 0.22, 0.89)
    return Fit(path, 0, 0, 0, TEACHER, found, found, 0.95, {}, 20.0, 0.1, size)


def test_rows_of_other_networks_are_kept_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [fit(path, size) for path in ("poly:mono", "mono:poly") for size in (0, 1)]
    (tmp_path / "cells.json").write_text(json.dumps([asdict(each) for each in rows]))
    monkeypatch.setattr(cells, "_teacher", lambda *_: tmp_path)
    own = list(run_cells(tmp_path, 1, 1, (0,), 1, print))
    others = list(run_cells(tmp_path, 1, 1, (0,), 1, print, size=1))
    assert own == [each for each in rows if each.size == 0]
    assert others == [each for each in rows if each.size == 1]
    assert "| poly:mono | 0 | +1.0 | +2.0 | -0.010 | 95.0 | 20 | 0.1 |" in table(own)


def test_weights_of_each_network_have_a_file_of_their_own() -> None:
    names = {cells._weights("mono", 0, size, side) for size in (0, 1) for side in (128, 224)}
    assert len(names) == 4
    assert "mono-0.safetensors" in names
