"""Texts of two sides become one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.sharing.lines import MOST, merged

lines = st.lists(st.sampled_from("abc"), max_size=8).map(lambda found: "".join(f"{each}\n" for each in found))


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("1\nx\n2\n3\n", "1\n2\n3\ny\n", "1\nx\n2\n3\ny\n"),
        ("x\n1\n2\n3\n", "y\n1\n2\n3\n", "y\nx\n1\n2\n3\n"),
        ("1\n3\n", "1\n2\n3\ny\n", "1\n3\ny\n"),
        ("1\nx\n3\n", "1\ny\n3\n", None),
        ("1\nx\n3\n", "1\nx\n3\n", "1\nx\n3\n"),
    ],
)
def test_what_both_did_is_there(ours: str, theirs: str, expected: str | None) -> None:
    assert merged("1\n2\n3\n", ours, theirs) == expected


@given(lines, lines)
def test_who_did_nothing_takes_what_the_other_has(base: str, other: str) -> None:
    assert merged(base, base, other) == merged(base, other, base) == other


@given(lines, lines, lines)
def test_no_line_comes_from_nowhere(base: str, ours: str, theirs: str) -> None:
    found = merged(base, ours, theirs)
    if found is not None:
        assert set(found) <= set(ours) | set(theirs)


def test_long_texts_are_left() -> None:
    assert merged("", "a\n" * (MOST + 1), "b\n") is None
