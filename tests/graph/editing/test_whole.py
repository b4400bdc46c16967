from __future__ import annotations

from typing import Any

import pytest

from legonet.graph.editing.build import extended
from legonet.graph.editing.whole import with_graph
from legonet.graph.load import parse_graph
from legonet.graph.schema import Graph

TEXT = """\
legonet: 1
name: zoo # a zoo
input: {shape: [3, 8, 8], resize: fit}
categories:
  cat: {} # meow
  dog: {}
tasks: {side: {output: {kind: mask}}}
teachers:
  one: {category: cat, task: side, model: m, weights: w, cut: c}   # first
  two: {category: dog, task: side, model: m, weights: w, cut: c}   # second
adapters:
  dog:side:
    kernel: 3 # as by default
    depth: 1
    seed: 2
"""


def lines(changes: dict[str, Any]) -> tuple[Graph, str]:
    graph = parse_graph(TEXT, "x").graph
    return (after := graph.model_copy(update=changes)), with_graph(TEXT, after, "x", False)


def test_what_is_the_same_is_left_as_it_is_written():
    assert lines({}) == (parse_graph(TEXT, "x").graph, TEXT)


def test_a_setting_that_changes_changes_alone():
    before = parse_graph(TEXT, "x").graph
    graph = extended(before, {"adapters": {"dog:side": {"seed": 5}}, "categories": {"cow": {"label": "Cow"}}})
    assert with_graph(TEXT, graph, "x", False) == TEXT.replace("seed: 2", "seed: 5").replace(
        "  dog: {}\n", "  dog: {}\n  cow: {label: Cow}\n"
    )


def test_the_image_can_change():
    image = parse_graph(TEXT, "x").graph.input.model_copy(update={"shape": (1, 8, 8)})
    assert lines({"input": image})[1] == TEXT.replace("[3, 8, 8]", "[1, 8, 8]")


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["two", "one"], ["first"]),
        (["one"], ["first"]),
    ],
)
def test_teachers_stand_in_order_of_arrival(order: list[str], expected: list[str]):
    before = parse_graph(TEXT, "x").graph
    graph, text = lines({"adapters": {}, "teachers": {name: before.teachers[name] for name in order}})
    after = parse_graph(text, "x").graph
    assert (after, list(after.teachers)) == (graph, order)
    assert all(each in text for each in expected)
