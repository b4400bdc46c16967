"""What merging saves: the figures that stand in docs/saving.md and the README are those of the animals."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.saving import data, measure, table

ROOT = Path(__file__).parents[2]


def test_the_figures_are_those_that_are_kept(tmp_path: Path) -> None:
    sides = measure(ROOT / "graphs" / "animals.yaml", tmp_path)
    kept = json.loads((ROOT / "docs" / "results" / "saving.json").read_text(encoding="utf-8"))
    assert data(sides) == kept
    teachers, network = sides
    page = (ROOT / "docs" / "saving.md").read_text(encoding="utf-8")
    for each in sides:
        row = f"| {each.answers} | {each.weights / 1024:,.0f} KiB | {each.operations / 1e6:,.1f} M |"
        assert row in page
    weights, operations = network.weights / teachers.weights, network.operations / teachers.operations
    shares = f"{weights * 100:.0f} % of the bytes and {operations * 100:.0f} % of the operations"
    speed = json.loads((ROOT / "docs" / "results" / "compile.json").read_text(encoding="utf-8"))["figures"]
    (times,) = (
        each["value"] for each in speed if each["measure"].endswith("as fast as ten paths one by one")
    )
    for text in (page, (ROOT / "README.md").read_text(encoding="utf-8")):
        assert shares in " ".join(text.split())
        assert f"{times:.1f} times as fast" in " ".join(text.split())
    front = " ".join((ROOT / "docs" / "index.md").read_text(encoding="utf-8").split())
    assert f"**{weights * 100:.0f} % of the bytes** and {operations * 100:.0f} % of the operations" in front
    assert "8,827 KiB" in table(sides)
