from __future__ import annotations

from collections import OrderedDict

import pytest

from legonet.errors import LONGEST_REPORT
from legonet.graph.reading.findings import Finding, format_report
from legonet.graph.reading.positions import dotted, show
from legonet.graph.suggest import closest, did_you_mean, kind_of, listed


@pytest.mark.parametrize(
    ("word", "match"),
    [("clasify", "classify"), ("CLASSIFY", "classify"), ("seg_ment", "segment"), ("zebra", None), ("", None)],
)
def test_closest(word: str, match: str | None):
    assert closest(word, ["classify", "segment"]) == match


def test_a_name_that_differs_by_case_or_underscore_only_comes_first():
    assert closest("cat_v1", ["cat-v11", "cat-v1"]) == "cat-v1"


def test_did_you_mean():
    assert did_you_mean("ct", ["cat"]) == " Did you mean 'cat'?"
    assert did_you_mean("x", ["cat"]) == ""


def test_lists():
    assert listed([]) == ""
    assert listed(["a"], " or ") == "a"
    assert listed(["a", "b", "c"], " or ") == "a, b or c"
    assert listed([str(i) for i in range(9)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8"
    assert listed([str(i) for i in range(100)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 92 more"


def test_values_and_keys_in_messages_are_short_and_on_one_line():
    assert show("a\nb") == "'a\\nb'"
    assert len(show("x" * 1000)) < 60
    assert show(None) == "nothing"
    assert show({"a": 1}) == "a mapping with 1 key"
    assert dotted(("a", 0, "b\n", "")) == "a[0].b\\n.''"


def test_a_report_without_positions_keeps_the_order_and_drops_repetitions():
    problems = [Finding(("b",), "x"), Finding(("a",), "y"), Finding(("b",), "x")]
    assert format_report(problems, "zoo") == "zoo: b: x\nzoo: a: y"


def test_a_long_report_is_cut():
    problems = [Finding(("a", i), "x") for i in range(1000)]
    lines = format_report(problems, "zoo").splitlines()
    assert len(lines) == LONGEST_REPORT + 1
    assert lines[-1] == "zoo: and 900 more problems"


def test_kinds() -> None:
    assert [kind_of(each) for each in (1, [], OrderedDict())] == ["an int", "a list", "an OrderedDict"]
