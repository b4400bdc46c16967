"""The quick reader reads what the thorough one reads, place for place, or leaves it to that one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet.errors import GraphError
from legonet.graph import quick_yaml, yaml
from legonet.graph.load import parse_yaml
from legonet.graph.positions import Place
from legonet.graph.quick_yaml import quick

FILES = Path(__file__).parents[1] / "graphs"
GRAPH = (FILES / "valid" / "twelve-lines.yaml").read_text()

# Everything that means something to YAML, next to everything else.
PIECES = (
    *("a", "b: ", "b:", "key: ", "- ", "-", "? ", ": ", ":", "{", "}", "[", "]", ", ", ",", " ", "  "),
    *("\n", "\n  ", "\n    ", "\r\n", "\r", "\t", "# c", "#", '"x"', "'y'", '"', "'", "\\", "|\n", ">\n"),
    *("1", "010", "0o7", "1_0", "1e3", ".5", "no", "on", "~", "null", "=", "<<: ", "12:30:00", "2024-01-01"),
    *("&a ", "*a", "!!str ", "!", "%", "%YAML 1.2\n", "%YAML 1.1\n", "@", "`", "---", "---\n", "...", "é"),
    *("\xa0", "\x85", "\u2028", "\ufeff", "\U0001f600", "a:b", "http://x", "x#y", "a,b", "{}", "[]"),
)


def flat(place: Place) -> Any:
    items = None if place.items is None else [(key, flat(item)) for key, item in place.items.items()]
    return place.line, place.column, place.start, place.end, place.block, place.keys, items


def expect_alike(text: str) -> None:
    found = quick(text)
    if found is None:
        return
    read = yaml._Composer(text, "x").document()
    assert read.problems == []
    assert repr(read.data) == repr(found[0])
    assert flat(read.positions.root) == flat(found[1])


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


@pytest.mark.parametrize("path", sorted(FILES.glob("*/*.yaml")), ids=lambda path: path.name)
def test_files(path: Path) -> None:
    try:
        text = path.read_bytes().decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return
    expect_alike(text)


def test_graph_files_are_read_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quick(GRAPH) is not None
    assert quick((FILES.parents[1] / "graphs" / "animals.yaml").read_text()) is not None
    expected = parse_yaml(GRAPH, "x.yaml")[0]
    monkeypatch.setattr(quick_yaml.yaml, "__with_libyaml__", False)  # as where PyYAML has no parser in C
    assert quick(GRAPH) is None
    assert parse_yaml(GRAPH, "x.yaml")[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2\n",
        "1: a\n",
        "a: &x 1\nb: *x\n",
        "a: !!python/object:os.system {}\n",
        "a: .inf\n",
        "%YAML 1.2\n---\na: 1\n",
        "a: 1\n---\nb: 2\n",
        "a: |\n  text\n",
        'a: "\\x41"\n',
        "? [a]\n: b\n",
        "a: [1\n",
        "a: " + "[" * 70 + "]" * 70,
        "",
    ],
)
def test_what_is_rare_or_wrong_is_left(text: str) -> None:
    assert quick(text) is None


def test_too_many_values_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_yaml, "MOST_NODES", 6)
    assert quick("a: 1\nb: [2]\n") is not None
    assert quick("a: 1\nb: [2, 3]\n") is None


def test_words_mean_what_they_mean_in_yaml_1_2() -> None:
    words = {"no": "no", "on": "on", "010": 10, "0o10": 8, "1_000": "1_000", "12:30:00": "12:30:00"}
    words |= {"2024-01-01": "2024-01-01", "=": "=", "~": None, "True": True, "y": "y", "1e3": 1000.0}
    found = quick("".join(f"- {word}\n" for word in words))
    assert found is not None
    assert found[0] == list(words.values())
    merged = quick("<<: {a: 1}\n")
    assert merged is not None
    assert merged[0] == {"<<": {"a": 1}}


def test_a_duplicate_key_is_still_named_with_its_place() -> None:
    with pytest.raises(GraphError, match=r"^x\.yaml:2:1: a: already at line 1"):
        parse_yaml("a: 1\na: 2\n", "x.yaml")


def test_a_large_file_takes_a_moment() -> None:
    text = "".join(f"key {number}: {{name: value, list: [1, 2, 3]}}\n" for number in range(20_000))
    begin = time.process_time()
    assert len(parse_yaml(text, "x.yaml")[0]) == 20_000
    assert time.process_time() - begin < 5  # 0.6 s on an idle core; the thorough reader takes 5
