from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest

from legonet.errors import GraphError
from legonet.graph.editing.edit import add_entries
from legonet.graph.load import parse_graph
from legonet.graph.schema import Adapter, Category, Teacher

VALID = Path(__file__).parents[2] / "graphs" / "valid"
COMMENTED = """\
# the head
legonet: 1   # version
name: zoo
input: {shape: [3, 32, 32]}

categories:
    cat: {label: "Cat"}  # the cat
    # after cat

tasks:
  classify:
    output: {kind: binary}
# in order of arrival
teachers:
  cat-v1:
    category: cat
    task: classify
    model: vgg-slim
    weights: >-
      a.safetensors
    cut: pool1   # here

# the end
"""
DOG = Teacher(category="dog", task="classify", model="vgg-slim", weights="dog one.safetensors", cut="pool1")
BARE = "legonet: 1\nname: x\ninput: {shape: [3, 4, 4]}\n"


def test_comments_and_order_stay():
    entries: dict[str, dict[str, Any]] = {
        "categories": {"dog": Category()},
        "teachers": {"dog-v1": DOG},
        "adapters": {"dog:classify": Adapter(kernel=1)},
        "applications": {"all": ["cat:classify", "dog:classify"]},
    }
    text = add_entries(COMMENTED, entries)
    lines = list(difflib.ndiff(COMMENTED.splitlines(), text.splitlines()))
    assert [line for line in lines if line.startswith(("-", "?"))] == []
    assert [line[2:] for line in lines if line.startswith("+")] == [
        "    dog: {}",
        "  dog-v1:",
        "    category: dog",
        "    task: classify",
        "    model: vgg-slim",
        "    weights: dog one.safetensors",
        "    cut: pool1",
        "",
        "adapters:",
        "  dog:classify: {kernel: 1}",
        "",
        "applications:",
        "  all: [cat:classify, dog:classify]",
    ]
    assert text.index("dog: {}") < text.index("# after cat")
    graph = parse_graph(text, "x").graph
    assert list(graph.teachers) == ["cat-v1", "dog-v1"]
    assert graph.teachers["dog-v1"] == DOG


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BARE, BARE + "\ncategories:\n  dog: {}\n"),
        (BARE.rstrip(), BARE + "\ncategories:\n  dog: {}\n"),
        (BARE + "...\n", BARE + "\ncategories:\n  dog: {}\n...\n"),
        (
            BARE + "categories: {}   # none\ntasks: {}\n",
            BARE + "categories:   # none\n  dog: {}\ntasks: {}\n",
        ),
        (BARE + "categories: {cat: {}}\n", BARE + "categories: {cat: {}, dog: {}}\n"),
        (BARE + "categories: {\n  cat: {},\n}\n", BARE + "categories: {\n  cat: {},\n  dog: {},\n}\n"),
        (BARE + "categories:\n      cat: {}", BARE + "categories:\n      cat: {}\n      dog: {}\n"),
        (
            BARE + "categories:\n  cat:\n    label: |\n      C\n\n# end\n",
            None,
        ),
        (BARE.replace("\n", "\r\n"), (BARE + "\ncategories:\n  dog: {}\n").replace("\n", "\r\n")),
        (
            "{legonet: 1, name: x, input: {shape: [3, 4, 4]}}\n",
            "{legonet: 1, name: x, input: {shape: [3, 4, 4]}, categories: {dog: {}}}\n",
        ),
    ],
)
def test_layouts(text: str, expected: str | None):
    entries: dict[str, dict[str, Any]] = {"categories": {"dog": {}}}
    if expected is None:  # a label of several lines is no label
        with pytest.raises(GraphError, match=r"categories\.cat\.label"):
            add_entries(text, entries)
        return
    assert add_entries(text, entries) == expected


@pytest.mark.parametrize(
    "name", ["everything.yaml", "twelve-lines.yaml", "smallest.yaml", "windows.yaml", "pets.json"]
)
def test_every_valid_file_takes_new_entries(name: str):
    text = (VALID / name).read_bytes().decode("utf-8-sig")
    before = parse_graph(text, name, name.endswith(".json")).graph
    entries: dict[str, dict[str, Any]] = {
        "categories": {"zebra": {"label": "a: b #c"}},
        "tasks": {"count": {"output": {"kind": "vector", "names": ["n"]}}},
        "teachers": {
            "zebra-v1": {"category": "zebra", "task": "count", "model": "m", "weights": "w", "cut": "c"},
        },
        "applications": {"zebras": ["zebra:count"]},
    }
    result = add_entries(text, entries, name, name.endswith(".json"))
    after = parse_graph(result, name, name.endswith(".json")).graph
    assert list(after.teachers) == [*before.teachers, "zebra-v1"]
    assert {**after.categories, "zebra": None} == {**before.categories, "zebra": None}
    assert after.categories["zebra"].label == "a: b #c"
    assert after.applications["zebras"] == ("zebra:count",)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"categories": {"cat": {}}}, r"^zoo\.yaml:7:5: categories\.cat: exists already"),
        ({"teachers": {"cat-v2": {**DOG.model_dump(), "category": "cta"}}}, "no category 'cta'.* 'cat'"),
        ({"categories": {"dog": {"lable": 3}}}, r"^zoo\.yaml: categories\.dog\.lable: unknown key"),
        ({"categories": {"a b": {}}}, "found 'a b'; expected a name"),
        ({"methods": {"x": {}}}, "no section 'methods'"),
    ],
)
def test_what_would_not_be_valid_is_refused(entries: dict, message: str):
    with pytest.raises(GraphError, match=message):
        add_entries(COMMENTED, entries, "zoo.yaml")


def test_a_layout_that_cannot_be_edited_is_refused():
    text = BARE + "&first categories: {cat: {}}\n"
    assert list(parse_graph(text, "x").graph.categories) == ["cat"]
    with pytest.raises(GraphError, match=r"^x\.yaml: this layout has no place for the change"):
        add_entries(text, {"categories": {"dog": {}}}, "x.yaml")


def test_what_an_alias_stands_for_is_written_out_when_it_changes():
    text = BARE + "categories: &nothing {}  # none\nadapters: *nothing  # either\n"
    assert (
        add_entries(text, {"categories": {"dog": {}}})
        == BARE + "categories:  # none\n  dog: {}\nadapters: {}  # either\n"
    )


def test_a_broken_file_is_not_edited():
    with pytest.raises(GraphError, match=r"^zoo\.yaml:1:5: "):
        add_entries("a: b: c", {"categories": {"dog": {}}}, "zoo.yaml")
