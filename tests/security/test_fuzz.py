"""A few seconds of what `python -m benchmarks fuzz` does for minutes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("resource")

from benchmarks.fuzz import run as fuzz
from benchmarks.fuzz.format import CANARY, Format
from benchmarks.fuzz.formats import formats
from benchmarks.fuzz.mutations import json_mutant, mutant, text_mutant
from benchmarks.fuzz.run import Fuzzed, run_fuzz, table


def test_every_format_is_accepted_or_refused() -> None:
    found = run_fuzz(160, seed=7)
    assert found.clean, table(found)
    assert sum(sum(each.values()) for each in found.counts.values()) >= 140
    assert {name for name, each in found.counts.items() if each["refused"]} >= {
        "lock",
        "weights.pt",
        "block.json",
    }


def test_good_files_are_accepted(tmp_path: Path) -> None:
    """Or else mutants of them would test nothing."""
    for name, each in formats(tmp_path).items():
        if name.startswith("image.") and name[6:] not in ("png", "jpeg", "bmp", "webp"):
            continue
        if name == "program.pt2":
            continue
        for seed in each.seeds:
            path = tmp_path / f"mutant{each.suffix}"
            path.write_bytes(seed)
            each.read(path)


def test_the_same_seed_makes_the_same_mutants() -> None:
    for change in (mutant, text_mutant, json_mutant):
        made = [change(b'{"a": [1, 2, 3], "b": "text"}', random.Random(seed)) for seed in range(50)]
        assert made == [change(b'{"a": [1, 2, 3], "b": "text"}', random.Random(seed)) for seed in range(50)]
        assert len(set(made)) > 25


def _fails(path: Path) -> None:
    raise ZeroDivisionError("1 / 0")


def _grows(path: Path) -> None:
    _ = bytearray(2 * 2**30)


def _turns(path: Path) -> None:
    while True:
        pass


def _ends(path: Path) -> None:
    import os

    os._exit(3)


def _runs(path: Path) -> None:
    Path(CANARY).write_text("ran")


@pytest.mark.parametrize(
    ("read", "outcome"),
    [(_fails, "traceback"), (_grows, "memory"), (_turns, "time"), (_ends, "died"), (_runs, "canary")],
)
def test_what_is_counted(
    read: Callable[[Path], Any], outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "SECONDS", 0.1)
    found = Fuzzed(0)
    each = Format(".x", [b"seed"], mutant, read)
    counts = fuzz._format("odd", each, range(2), tmp_path, found, tmp_path / "keep")
    assert counts == {outcome: 2}
    assert [finding.number for finding in found.findings] == [0, 1]
    assert len(list((tmp_path / "keep").iterdir())) == 2
    assert not found.clean
