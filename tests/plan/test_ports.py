"""What a plan shows of an adapter: the shapes that it joins, and its layers in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from legonet.blocks.adapter import build_adapter
from legonet.blocks.adapter_layers import adapter_layers, in_words
from legonet.errors import BlockError
from legonet.graph.schema import Adapter, Graph
from legonet.plan.plan import Plan, PlannedEdge
from legonet.plan.ports import Port, Ports, find_ports

SMALL, LARGE = Port((64, 8, 8)), Port((40, 14, 14))


def graph(**more: object) -> Graph:
    teachers = {
        f"{category}-v1": {"category": category, "task": "classify", "model": "m", "weights": "w", "cut": "c"}
        for category in ("dog", "cat")
    }
    data = {
        "legonet": 1,
        "name": "zoo",
        "input": {"shape": [3, 32, 32]},
        "categories": {"dog": {}, "cat": {}},
        "tasks": {"classify": {"output": {"kind": "binary"}}},
        "teachers": teachers,
    }
    return Graph.model_validate(data | more)


def plan(**actions: str) -> Plan:
    return Plan("zoo", tuple(PlannedEdge(f"{name}:classify", action, "") for name, action in actions.items()))  # type: ignore[arg-type]


def ports(found: dict[str, Port]) -> Callable[[str], Port]:
    return lambda teacher: found[teacher]


def test_both_ports_and_the_layers_between_them() -> None:
    found = find_ports(graph(), plan(dog="native", cat="add"), ports({"dog-v1": LARGE, "cat-v1": SMALL}))
    assert list(found) == ["cat:classify"]
    assert str(found["cat:classify"]) == (
        "64x8x8 -> 40x14x14: scale, conv 3x3 64 -> 40, interpolate 8x8 -> 14x14, relu"
    )
    assert found["cat:classify"].data()["gives"] == {"shape": (64, 8, 8), "own": None}


def test_an_edges_own_adapter_counts() -> None:
    own = {"kernel": 1, "depth": 2, "hidden": 7, "rescale": False, "activation": "none"}
    found = find_ports(
        graph(adapters={"cat:classify": own}),
        plan(cat="keep"),
        ports({"dog-v1": Port((192, 15, 14), (197, 192)), "cat-v1": Port((64, 28, 7))}),
    )
    assert str(found["cat:classify"]) == (
        "64x28x7 -> 192x15x14 (of tokens 197x192): conv 1x1 64 -> 7, mean pool 28x7 -> 15x7, "
        "interpolate 15x7 -> 15x14, conv 1x1 7 -> 192"
    )


def test_a_port_is_looked_up_once() -> None:
    asked: list[str] = []

    def find(teacher: str) -> Port:
        asked.append(teacher)
        return SMALL

    assert len(find_ports(graph(), plan(dog="refit", cat="refit"), find)) == 2
    assert sorted(asked) == ["cat-v1", "dog-v1"]


@pytest.mark.parametrize(("task_module", "above"), [("g1", ", scale, conv 3x3 48 -> 40, relu"), ("g2", "")])
def test_a_teacher_with_a_category_module_of_its_own(task_module: str, above: str) -> None:
    inputs = {"teacher's category module": "f2", "teacher": "g2", "task module": task_module}
    edge = PlannedEdge("cat:classify", "add", "", "cat-v1", inputs=inputs)
    own = graph(categories={"dog": {}, "cat": {"teacher": "dog-v1"}})
    found = find_ports(own, Plan("zoo", (edge,)), ports({"dog-v1": LARGE, "cat-v1": Port((48, 14, 14))}))
    assert str(found["cat:classify"]) == f"40x14x14 -> 40x14x14: bridge conv 3x3 40 -> 48{above}"


def test_a_bridge_is_told_of_paths_that_have_one() -> None:
    """Two paths of one task, between the same shapes: only one of them has a category module of its own."""
    inputs = {"teacher's category module": "f2", "teacher": "g2", "task module": "g1"}
    edges = (PlannedEdge("cat:classify", "add", "", "cat-v1", inputs=inputs), *plan(dog="add"))
    found = find_ports(graph(), Plan("zoo", edges), ports({"dog-v1": LARGE, "cat-v1": LARGE}))
    assert ["bridge" in str(found[path]) for path in ("cat:classify", "dog:classify")] == [True, False]


def test_what_is_not_built_joins_nothing() -> None:
    assert find_ports(graph(), plan(dog="native", cat="open", cow="remove"), ports({})) == {}


def test_two_modules_that_no_adapter_joins() -> None:
    with pytest.raises(BlockError, match=r"cat:classify: the category module gives features of shape \(8,\)"):
        find_ports(graph(), plan(cat="add"), ports({"dog-v1": SMALL, "cat-v1": Port((8,))}))


@pytest.mark.parametrize(
    ("port", "text"),
    [
        (Port((512, 1, 1), (512,)), "512x1x1 (of vector 512)"),
        (Port((96, 7, 7), (7, 7, 96)), "96x7x7 (of channels last 7x7x96)"),
    ],
)
def test_what_a_port_was_before_it_became_a_map(port: Port, text: str) -> None:
    assert str(Ports(port, SMALL, ("relu",))) == f"{text} -> 64x8x8: relu"


@pytest.mark.parametrize("target", [(5, 8, 8), (6, 4, 4), (2, 5, 13)])
def test_the_words_are_of_the_layers_that_are_built(target: tuple[int, ...]) -> None:
    spec = Adapter(kernel=3, depth=2)
    built = build_adapter(spec, (3, 8, 8), target).graph.notation
    assert built is not None
    assert built == adapter_layers(spec, (3, 8, 8), target)
    assert len(in_words(built, (3, 8, 8))) == len(built)
