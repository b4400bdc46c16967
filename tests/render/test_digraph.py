"""A network as a graph of networkx, and of graphviz."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import pytest
from torch import nn

import legonet


@pytest.fixture
def network(make_model: Callable[..., nn.Module]) -> legonet.Network:
    """A native path, one to be fitted, and a category without a teacher."""
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": "closed-form"})
    for seed, category in enumerate(("cat", "dog")):
        name = f"{category}-v1"
        network.add_teacher(name, make_model(seed), category=category, task="classify", cut="pool1")
    network.add_category("cow", label="a & b \\N")
    return network


def test_nodes_and_edges_say_what_is_known(network: legonet.Network) -> None:
    graph = network.to_networkx()
    assert type(graph) is nx.MultiDiGraph
    assert graph.graph == {"name": "zoo", "input_shape": (3, 8, 8)}
    kinds = {name: values["kind"] for name, values in graph.nodes(data=True)}
    assert kinds == {
        "category/cat": "category",
        "category/dog": "category",
        "category/cow": "category",
        "task/classify": "task",
        "teacher/cat-v1": "teacher",
        "teacher/dog-v1": "teacher",
    }
    assert graph.nodes["category/dog"]["shape"] == (4, 4, 4)
    assert graph.nodes["category/cow"]["state"] == "open"
    assert (
        graph.nodes["task/classify"] | {"output": "binary", "output_shape": (1,), "teacher": "cat-v1"}
        == (graph.nodes["task/classify"])
    )
    own = graph.edges["category/cat", "task/classify", "cat:classify"]
    assert (own["kind"], own["state"]) == ("identity", "native")
    edge = graph.edges["category/dog", "task/classify", "dog:classify"]
    assert (edge["kind"], edge["state"], edge["method"]) == ("adapter", "planned", "closed-form")
    assert (edge["kernel"], edge["gives"], edge["takes"]) == (1, (4, 4, 4), (4, 4, 4))
    assert edge["operations"] > 0
    assert "cow:classify" not in {key for *_, key in graph.edges(keys=True)}  # it is not connected
    assert [head for _, head in graph.out_edges("teacher/cat-v1")] == ["category/cat", "task/classify"]


def test_what_is_built_has_figures(network: legonet.Network) -> None:
    network.connect("dog", "classify", kernel=1, method={"name": "closed-form", "draws": 4, "matching": 0})
    network.transplant(progress=None)
    edge = network.to_networkx().edges["category/dog", "task/classify", "dog:classify"]
    assert edge["state"] == "weak"  # of random weights, and nothing was matched
    assert edge["figures"] == network.lock.adapters["dog:classify"].quality
    assert edge["sha256"] == network.lock.adapters["dog:classify"].adapter


def test_a_digraph_to_go_on_with(network: legonet.Network) -> None:
    drawing = network.to_graphviz()
    assert type(drawing).__name__ == "Digraph"
    drawing.edge("category/cat", "somewhere else")
    source = drawing.source
    assert '"category/dog" -> "adapter/dog/classify"' in source
    assert '"adapter/dog/classify" -> "task/classify"' in source
    assert "pos=" not in source
    assert "a &amp; b \\\\N" in source  # nothing of a label is taken for an escape
