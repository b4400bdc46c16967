"""A figure that stands on two pages is one figure, and it is the one that was measured."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def found(page: str, pattern: str) -> list[str]:
    """What a pattern's group holds on a page, each once."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    return sorted(set(re.findall(pattern, text)))


def test_the_demo_takes_one_time() -> None:
    times = found("docs/demo.md", r"takes (\d+) s on two cores")
    assert len(times) == 1
    assert found("README.md", r"(\d+) s on two cores") == times


def test_as_many_architectures_were_tried_as_the_table_has() -> None:
    outcomes = (ROOT / "docs" / "results" / "models.jsonl").read_text().splitlines()
    rows = re.findall(r"^\| [a-z_]+:\S+ \|", (ROOT / "docs/results/models.md").read_text(), re.MULTILINE)
    assert len(rows) == len(outcomes)
    assert found("docs/teachers.md", r"\[(\d+) architectures\]\(results/models.md\)") == [str(len(outcomes))]
