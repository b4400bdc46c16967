"""What was measured is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from legonet.compile.grouping_cache import GroupingCache


def test_it_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "state" / "grouping.json"
    GroupingCache(file).put("b", True)
    GroupingCache(file).put("a", False)
    found = GroupingCache(file)
    assert [found.get(key) for key in "abc"] == [False, True, None]
    assert file.read_text() == '{\n"a": false,\n"b": true\n}'


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": 1}', "\xff"])
def test_a_file_of_something_else_is_made_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "grouping.json"
    file.write_text(text, encoding="latin-1")
    found = GroupingCache(file)
    assert found.get("a") is None
    found.put("a", True)
    assert GroupingCache(file).get("a") is True


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    found = GroupingCache(tmp_path / "taken" / "grouping.json")
    found.put("a", True)
    assert found.get("a") is True
