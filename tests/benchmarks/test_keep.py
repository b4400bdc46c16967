from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bases, keep
from tests.conftest import hurry


@pytest.mark.slow
def test_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hurry(monkeypatch)
    for name, value in {
        "fitting.stitching.STEPS": 2,
        "fitting.stitching.SYNTHESISED": 64,
        "fitting.stitching.JOINED": 128,
    }.items():
        monkeypatch.setattr(f"legonet.distill.{name}", value)

    def reordered(network: Any, category: str, **_: Any) -> Any:
        return bases.different_bases(network, category, "reordered")

    monkeypatch.setattr(keep, "different_bases", reordered)  # the others would have to be trained
    before = keep.Row("cow", 0, 3, teacher=0.01, keep=0.1, variant=0.05, bridge=0.7)
    again = replace(before, category="cat", images=8, seed=0)
    (tmp_path / keep.KEEP).write_text(json.dumps([asdict(before), asdict(again)]))
    assert keep.main(["--category", "cat", "--images", "8", "--results", str(tmp_path)]) == 0
    row, other = json.loads((tmp_path / keep.KEEP).read_text())
    assert other == asdict(before)  # what was measured before stays, unless it is measured again
    assert (row["category"], row["images"]) == ("cat", 8)
    assert row["teacher"] < 0.05
    assert 0 < row["bridge"] < 0.1  # the same f
    assert max(row["keep"], row["variant"]) <= 0.5
    assert capsys.readouterr().out.splitlines()[0].split()[:3] == ["category", "images", "teacher"]
