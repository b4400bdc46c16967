from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from legonet.errors import GraphError
from legonet.graph.editing.dump import dump_yaml
from legonet.graph.load import load_graph, parse_graph, parse_yaml

VALID = Path(__file__).parents[2] / "graphs" / "valid"

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
    st.sampled_from(
        ["no", "1", "1.5", "~", "- a", "a: b", "a #b", "cat:classify", "2024-01-01", "'", '"', "\\", "{a}"]
    ),
)
TREES = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=4) | st.dictionaries(TEXT, part, max_size=5), max_leaves=15
)


@pytest.mark.parametrize("path", sorted(VALID.glob("*.*")), ids=lambda path: path.name)
def test_what_is_written_is_read_back(path: Path):
    graph = load_graph(path).graph
    text = dump_yaml(graph)
    assert parse_graph(text, "again.yaml").graph == graph
    assert dump_yaml(parse_graph(text, "again.yaml").graph) == text


@given(st.dictionaries(TEXT, TREES, max_size=5))
def test_plain_data_survives(data: dict[str, Any]):
    text = dump_yaml(data)
    assert parse_yaml(text, "x.yaml")[0] == data


@given(TEXT)
def test_text_stays_text_for_readers_of_yaml_1_1(text: str):
    assert yaml.safe_load(dump_yaml({"key": text})) == {"key": text}


@pytest.mark.parametrize("text", ["y", "N", "Yes", "off"])
def test_old_words_for_true_and_false_are_quoted(text: str):
    assert dump_yaml({"key": text}) == f'key: "{text}"\n'


def test_the_form():
    graph = parse_graph(
        """
legonet: 1
name: pets
input: {shape: [3, 32, 32], mean: null}
categories: {cat: {label: no}, dog: {}}
tasks: {classify: {output: {kind: binary, labels: [other, '{category}']}, adapter: {kernel: 3, depth: 2}}}
teachers: {cat-v1: {category: cat, task: classify, model: vgg-slim, weights: cat.safetensors, cut: pool1}}
applications: {all: ['cat:classify']}
""",
        "x",
    ).graph
    assert (
        dump_yaml(graph)
        == """\
legonet: 1
name: pets
input: {shape: [3, 32, 32]}

categories:
  cat: {label: "no"}
  dog: {}

tasks:
  classify: {output: {kind: binary}, adapter: {depth: 2}}

teachers:
  cat-v1:
    category: cat
    task: classify
    model: vgg-slim
    weights: cat.safetensors
    cut: pool1

applications:
  all: [cat:classify]
"""
    )


def test_order_is_kept():
    assert list(parse_yaml(dump_yaml({"b": 1, "a": {"z": 1, "y": 2}}), "x")[0]) == ["b", "a"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": {3}}, b"x", "\ud800"])
def test_what_yaml_cannot_hold(value: object):
    with pytest.raises(GraphError, match="expected"):
        dump_yaml({"key": value})
