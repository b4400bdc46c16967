"""One reader over two parsers: what the one in C reads, the one in Python reads alike, place for place."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet.errors import GraphError
from legonet.graph.reading import yaml
from legonet.graph.reading.positions import Place, Positions

FILES = Path(__file__).parents[2] / "graphs"
GRAPH = (FILES / "valid" / "twelve-lines.yaml").read_text()

# Everything that means something to YAML, next to everything else.
PIECES = (
    *("a", "b: ", "b:", "key: ", "- ", "-", "? ", ": ", ":", "{", "}", "[", "]", ", ", ",", " ", "  "),
    *("\n", "\n  ", "\n    ", "\r\n", "\r", "\t", "# c", "#", '"x"', "'y'", '"', "'", "\\", "|\n", ">\n"),
    *("1", "010", "0o7", "1_0", "1e3", ".5", "no", "on", "~", "null", "=", "<<: ", "12:30:00", "2024-01-01"),
    *("&a ", "*a", "!!str ", "!", "! ", "%", "%YAML 1.2\n---\n", "%YAML 1.1\n---\n", "@", "`", "---\n"),
    *("...", "\xa0", "\x85", "\u2028", "é", "\U0001f600", "a:b", "http://x", "x#y", "a,b", "{}", "[]"),
    *("a?", "?x", ":x", "?"),
)


def read(text: str, in_c: bool) -> tuple[Any, Positions] | str:
    """Data and positions, or the report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml.yaml, "__with_libyaml__", in_c)
        try:
            return yaml.compose(text, "x.yaml").or_raise()
        except GraphError as error:
            return str(error)


def flat(place: Place) -> Any:
    items = None if place.items is None else [(key, flat(item)) for key, item in place.items.items()]
    return place.line, place.column, place.start, place.end, place.block, place.keys, items


def expect_alike(text: str) -> None:
    """Both read the same, or both refuse the text; which of two faults comes first may differ."""
    if re.search(r"\S[ \r\n]+\?", text):
        return  # between words in brackets, only the one in C sees it as text
    fast, slow = read(text, True), read(text, False)
    if isinstance(fast, str) or isinstance(slow, str):
        assert isinstance(fast, str)
        assert isinstance(slow, str)
        assert fast.startswith("x.yaml:")
        return
    assert repr(fast[0]) == repr(slow[0])
    if fast[0] is not None:
        assert flat(fast[1].root) == flat(slow[1].root)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_any_text(text: str) -> None:
    expect_alike(text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GRAPH)), st.integers(0, 3), st.sampled_from(PIECES)), max_size=3)
)
def test_a_graph_file_with_changes(changes: list[tuple[int, int, str]]) -> None:
    text = GRAPH
    for place, length, piece in changes:
        text = text[:place] + piece + text[place + length :]
    expect_alike(text)


def data_of(text: str) -> Any:
    """What both parsers read."""
    expect_alike(text)
    return yaml.compose(text, "x.yaml").or_raise()[0]


def report_of(text: str) -> str:
    expect_alike(text)
    with pytest.raises(GraphError) as caught:
        yaml.compose(text, "x.yaml").or_raise()
    return str(caught.value)


def test_words_mean_what_they_mean_in_yaml_1_2() -> None:
    words = {"no": "no", "on": "on", "010": 10, "0o10": 8, "1_000": "1_000", "12:30:00": "12:30:00"}
    words |= {"2024-01-01": "2024-01-01", "=": "=", "~": None, "True": True, "y": "y", "1e3": 1000.0}
    found = data_of("".join(f"- {word}\n" for word in words))
    assert [(type(value), value) for value in found] == [(type(value), value) for value in words.values()]
    assert data_of("<<: {a: 1}\n") == {"<<": {"a": 1}}


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_lines_end_as_in_yaml_1_2(end: str) -> None:
    assert data_of(f"a: x{end}y # c{end}d\nb: 'x{end}y'\n") == {"a": f"x{end}y", "b": f"x{end}y"}
    assert report_of(f"a: x{end}y\nb: &\n").startswith("x.yaml:2:5: ")


def test_question_marks_in_words() -> None:
    assert data_of("{a: what?, b?: [x?y, x??]}") == {"a": "what?", "b?": ["x?y", "x??"]}
    assert data_of("? a\n: {? b : c}\n") == {"a": {"b": "c"}}


def test_tabs() -> None:
    assert data_of('{\n\t"a": [1,\t2],\t# c\n\t"b": "x\ty"\n}\n') == {"a": [1, 2], "b": "x\ty"}
    for text in ("a:\t1\n", "a: 1\t# c\n", "\ta: 1\n", "a: x\ty\n"):
        assert "a tab; expected spaces as indentation; replace it by spaces" in report_of(text)


@pytest.mark.parametrize("text", ["a: ! 5\n", 'a: ! "5"\n', "a: &x ! 5\n", "[! 5]", "a: !"])
def test_the_tag_without_a_name(text: str) -> None:
    assert "tag !; expected a plain value; remove the tag" in report_of(text)


def test_escapes() -> None:
    assert data_of('"\\x41\\t\\u00e9\\/\\N\\U0001f600"') == "A\té/\x85\U0001f600"


def test_aliases() -> None:
    parsed = yaml.compose("a: &x {b: [1]}\nc: *x\n", "x.yaml")
    assert parsed.data == {"a": {"b": [1]}, "c": {"b": [1]}}
    assert parsed.positions.find(("c", "b", 0)) == (1, 12)


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "MOST_NODES", 6)
    assert data_of("a: 1\nb: [2]\n") == {"a": 1, "b": [2]}
    assert report_of("a: 1\nb: [2, 3]\n").startswith("x.yaml:2:8: more than")


def test_a_duplicate_key_is_named_with_its_place() -> None:
    assert report_of("a: 1\na: 2\n").startswith("x.yaml:2:1: a: already at line 1")


def test_a_large_file_takes_a_moment() -> None:
    text = "".join(f"key {number}: {{name: value, list: [1, 2, 3]}}\n" for number in range(20_000))
    begin = time.process_time()
    assert len(yaml.compose(text, "x.yaml").data) == 20_000
    assert time.process_time() - begin < 5  # 1 s on an idle core
