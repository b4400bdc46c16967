from __future__ import annotations

from pathlib import Path

import pytest

from legonet.errors import SelectError
from legonet.graph.load import parse_graph
from legonet.graph.select import adapter_spec, find_edge, giver, givers, select_paths, split_path

GRAPH = parse_graph(
    """
legonet: 1
name: zoo
input: {shape: [3, 32, 32]}
categories:
  cat: {}
  dog: {teacher: dog-v2}
  cow: {}
  bee: {}
tasks:
  classify: {output: {kind: binary}, adapter: {kernel: 5}}
  segment: {output: {kind: mask}, teacher: cat-v2}
  pose: {output: {kind: vector, names: [x]}}
adapters:
  dog:classify: {kernel: 1}
  cow:segment: {depth: 2}
teachers:
  dog-v1: {category: dog, task: classify, model: m, weights: w, cut: c}
  cat-v1: {category: cat, task: classify, model: m, weights: w, cut: c}
  dog-v2: {category: dog, task: segment, model: m, weights: w, cut: c}
  cow-v1: {category: cow, task: classify, model: m, weights: w, cut: c}
  cat-v2: {category: cat, task: segment, model: m, weights: w, cut: c}
applications:
  pets: [dog:segment, cat:classify]
  farm: [cow:classify]
""",
    "zoo.yaml",
).graph


def test_the_named_teacher_gives_else_the_first_that_arrives():
    assert giver(GRAPH, category="dog") == "dog-v2"
    assert giver(GRAPH, category="cat") == "cat-v1"
    assert giver(GRAPH, task="classify") == "dog-v1"
    assert giver(GRAPH, task="segment") == "cat-v2"
    assert giver(GRAPH, category="bee") is None
    assert giver(GRAPH, task="pose") is None


def test_all_givers_at_once_are_the_same():
    all_of_them = givers(GRAPH)
    assert all_of_them.categories == {name: giver(GRAPH, category=name) for name in GRAPH.categories}
    assert all_of_them.tasks == {name: giver(GRAPH, task=name) for name in GRAPH.tasks}


def test_giver_of_what_does_not_exist():
    with pytest.raises(
        SelectError, match=r"no category 'dgo'; categories are cat, dog, cow, bee; .* 'dog'\?"
    ):
        giver(GRAPH, category="dgo")
    with pytest.raises(SelectError, match="no task 'clasify'"):
        giver(GRAPH, task="clasify")
    with pytest.raises(TypeError):
        giver(GRAPH, category="cat", task="classify")


def test_edges_that_are_not_native():
    paths = ["dog:classify", "cat:classify", "dog:segment", "cow:classify", "cat:segment", "cow:segment"]
    found = {path: find_edge(GRAPH, path) for path in paths}
    assert select_paths(GRAPH) == paths[:-1]
    assert [each.path for each in found.values()] == paths
    assert [path for path, edge in found.items() if edge.native] == []
    assert [path for path, edge in found.items() if edge.teacher is None] == ["cow:segment"]


def test_an_edge_is_native_when_one_teacher_gives_both_modules():
    plain = parse_graph((Path(__file__).parents[1] / "graphs/valid/twelve-lines.yaml").read_text(), "x").graph
    paths = select_paths(plain)
    assert paths == ["dog:classify", "cat:classify"]
    assert [find_edge(plain, path).native for path in paths] == [True, False]


def test_adapter_of_an_edge():
    assert adapter_spec(GRAPH, "dog", "classify").kernel == 1
    assert adapter_spec(GRAPH, "cat", "classify").kernel == 5
    assert adapter_spec(GRAPH, "cat", "segment").kernel == 3
    with pytest.raises(SelectError, match="no task 'segmint'"):
        adapter_spec(GRAPH, "cat", "segmint")


def test_paths():
    assert split_path("cat:classify") == ("cat", "classify")
    for wrong in ("cat", "cat:", ":classify", "a:b:c", ""):
        with pytest.raises(SelectError, match="not a path; expected category:task"):
            split_path(wrong)


def test_selection():
    assert select_paths(GRAPH, ["pets"]) == ["dog:segment", "cat:classify"]
    assert select_paths(GRAPH, ["cat:classify", "pets", "farm", "cow:segment"]) == [
        "cat:classify", "dog:segment", "cow:classify", "cow:segment",
    ]  # fmt: skip
    assert select_paths(GRAPH) == [
        "dog:classify",
        "cat:classify",
        "dog:segment",
        "cow:classify",
        "cat:segment",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pest", "zoo: no application 'pest'; applications are pets, farm; .* Did you mean 'pets'?"),
        ("cat:clasify", "zoo: cat:clasify: no task 'clasify'; .* Did you mean 'classify'?"),
        ("cta:classify", "zoo: cta:classify: no category 'cta'; .* Did you mean 'cat'?"),
        ("cow:pose", "zoo: cow:pose: no teacher of category 'cow' and task 'pose'; 'cow' has cow:classify"),
        ("bee:pose", "'bee' has no teacher; add a teacher of both"),
        ("a:b:c", "not a path"),
    ],
)
def test_selection_of_what_does_not_exist(name: str, message: str):
    with pytest.raises(SelectError, match=message.replace("?", r"\?")):
        select_paths(GRAPH, [name])


def test_nothing_to_select():
    empty = parse_graph("{legonet: 1, name: x, input: {shape: [1, 1, 1]}}", "x").graph
    with pytest.raises(SelectError, match="no path; expected at least one teacher"):
        select_paths(empty)
    with pytest.raises(SelectError, match="no application 'x'; none exist"):
        select_paths(empty, ["x"])
