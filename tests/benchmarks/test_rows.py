from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.experiments import Trial
from benchmarks.rows import Row, append_row, read_rows, summarise
from legonet.errors import DataError


def row(category: str, seed: int, error: float, method: str = "auto", seconds: float | None = 1.0) -> Row:
    trial = Trial("2", "one 3x3", method, category, seed, 10, spec={"kernel": 3, "seed": seed})
    return Row(f"{method}{category}{seed}", trial, {"error": error}, {"residual": 0.5}, seconds, ["chose it"])


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    file, rows = tmp_path / "new" / "rows.jsonl", [row("cat", 0, 3.5), row("cow", 0, 4.5)]
    assert read_rows(file) == []
    for each in rows:
        append_row(file, each)
    assert read_rows(file) == rows


def test_masks_are_compared_by_their_pixel_error(tmp_path: Path) -> None:
    found = {"pixel error": 4.0, "IoU": 60.0}
    append_row(tmp_path / "rows.jsonl", Row("a", Trial("3", "", "teacher", "cat"), found))
    assert read_rows(tmp_path / "rows.jsonl")[0].error == 4.0


def test_a_line_that_was_half_written_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    append_row(file, row("cat", 0, 3.5))
    whole = file.read_text()
    file.write_text(whole + whole[:30])
    assert read_rows(file) == [row("cat", 0, 3.5)]
    append_row(file, row("cow", 0, 4.5))
    assert read_rows(file) == [row("cat", 0, 3.5), row("cow", 0, 4.5)]


def test_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"key": 1}\n')
    with pytest.raises(DataError, match=r"rows\.jsonl:1: not a row of a bench"):
        read_rows(file)


def test_a_summary_has_mean_spread_and_categories() -> None:
    (found,) = summarise([row("cat", 0, 2.0), row("cow", 0, 4.0), row("cow", 1, 8.0), row("cat", 1, 2.0)])
    assert found.mean == pytest.approx(4.0)
    assert found.spread == pytest.approx(2**0.5)  # of the seeds' means, 3 and 5
    assert found.categories == {"cat": 2.0, "cow": 6.0}
    assert (found.seeds, found.seconds, found.measures) == (2, 1.0, {"error": 4.0})


def test_a_seed_that_lacks_a_category_is_left_out() -> None:
    (found,) = summarise([row("cat", 0, 2.0), row("cow", 0, 4.0), row("cat", 1, 50.0)])
    assert (found.mean, found.spread, found.seeds) == (3.0, None, 1)
    assert found.categories == {"cat": 2.0, "cow": 4.0}


def test_summaries_keep_the_order_of_first_appearance() -> None:
    rows = [row("cat", 0, 1.0, "ordinary"), row("cat", 0, 1.0), row("cow", 0, 1.0, "ordinary")]
    assert [each.method for each in summarise(rows)] == ["ordinary", "auto"]
