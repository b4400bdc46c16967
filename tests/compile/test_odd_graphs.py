"""Modules that nobody traces every day compile to what they compute by themselves."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from legonet.compile.assemble import join
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.options import CompileOptions
from legonet.ir.graph import ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import with_tensors
from tests.compile.test_properties import expect_close

Modules = dict[str, GraphModule]
SHAPE = (3, 4, 4)
X = {"ref": "input"}


def ref(name: str) -> dict[str, str]:
    return {"ref": name}


def tensor(name: str) -> dict[str, str]:
    return {"tensor": name}


def made(*steps: tuple[str, str, list[Any]], seed: int = 0, **shapes: tuple[int, ...]) -> GraphModule:
    """A module whose output is its last step; of tensors whose names begin with `var` all are positive."""
    generator = torch.Generator().manual_seed(seed)
    specs = {
        name: TensorSpec(shape, buffer=name.startswith(("var", "mean"))) for name, shape in shapes.items()
    }
    graph = ModelGraph({n: Operation(n, f, tuple(a), {}) for n, f, a in steps}, steps[-1][0], specs)
    values = {name: torch.randn(shape, generator=generator) / 2 for name, shape in shapes.items()}
    return with_tensors(graph, {n: v.abs() + 0.5 if n.startswith("var") else v for n, v in values.items()})


def conv(name: str, below: Any, weight: str, padding: int = 0) -> tuple[str, str, list[Any]]:
    return name, "conv2d", [below, tensor(weight), None, [1, 1], [padding, padding]]


def norm(name: str, below: str, weight: Any) -> tuple[str, str, list[Any]]:
    return (
        name,
        "batch_norm",
        [ref(below), weight, None, tensor("mean"), tensor("var"), False, 0.1, 1e-5, True],
    )


NORM: dict[str, Any] = {"gamma": (3,), "mean": (3,), "var": (3,)}
RELU = made(("out", "relu", [X]))


def paths_of(categories: Modules, adapters: Modules, tasks: Modules) -> tuple[CompiledPath, ...]:
    pairs = [(category, task) for category in categories for task in tasks]
    return tuple(CompiledPath(*pair, native=":".join(pair) not in adapters) for pair in pairs)


def by_hand(images: Tensor, categories: Modules, adapters: Modules, tasks: Modules) -> dict[str, Tensor]:
    outputs = {}
    for path in paths_of(categories, adapters, tasks):
        value = categories[path.category](images)
        outputs[path.name] = tasks[path.task](value if path.native else adapters[path.name](value))
    return outputs


def compiled(
    categories: Modules,
    adapters: Modules,
    tasks: Modules,
    passes: str = "all",
    shape: tuple[int, ...] = SHAPE,
) -> CompiledNetwork:
    copied = copy.deepcopy((categories, adapters, tasks))
    options = CompileOptions(passes, memory_format="contiguous", grouping="rule")
    return join(paths_of(*copied), build_graph(lower({})), *copied, options, shape)


def expect_same(
    categories: Modules,
    adapters: Modules | None = None,
    tasks: Modules | None = None,
    shape: tuple[int, ...] = SHAPE,
) -> None:
    parts = categories, adapters or {}, tasks or {"t": RELU}
    images = torch.rand(3, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expect_close(compiled(*parts, shape=shape).by_path(images), by_hand(images, *parts))


ALONE = {
    "dropout of a constant": made(
        ("drop", "dropout", [tensor("w")]), ("out", "add.Tensor", [X, ref("drop")]), w=SHAPE
    ),
    "a constant that is re-scaled": made(
        ("scaled", "mul.Tensor", [tensor("map"), tensor("beta")]),
        conv("conv", ref("scaled"), "w", padding=1),
        ("out", "add.Tensor", [X, ref("conv")]),
        map=(1, *SHAPE),
        beta=(),
        w=(3, 3, 3, 3),
    ),
    "batch norm by a computed weight": made(
        conv("conv", X, "w"),
        ("triple", "mul.Scalar", [tensor("gamma"), 3]),
        norm("norm", "conv", ref("triple")),
        w=(3, 3, 1, 1),
        **NORM,
    ),
    "names that others would be given": made(
        conv("conv", X, "w"),
        ("scale.apart", "relu", [ref("conv")]),
        ("scale", "mul.Tensor", [ref("scale.apart"), tensor("beta")]),
        ("out", "add.Tensor", [ref("scale"), ref("scale.apart")]),
        w=(3, 3, 1, 1),
        beta=(),
    ),
    "tensors called as what a module has": made(
        conv("conv", X, "graph"),
        ("scale", "mul.Tensor", [ref("conv"), tensor("training")]),
        conv("least", ref("scale"), "_owners"),
        conv("out", ref("least"), "_modules"),
        graph=(4, 3, 1, 1),
        training=(),
        _owners=(4, 4, 1, 1),
        _modules=(3, 4, 1, 1),
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_one_module(name: str) -> None:
    expect_same({"c": ALONE[name]})


@pytest.mark.parametrize("name", ALONE)
def test_a_module_beside_its_like(name: str) -> None:
    other = copy.deepcopy(ALONE[name])
    with torch.no_grad():
        for each in other.graph.tensors:
            other.tensor(each).mul_(1.5)
    expect_same({"c": ALONE[name], "d": other})


@pytest.mark.parametrize("tokens", [3, 5])
def test_batch_norm_of_tokens_above_a_linear_layer(tokens: int) -> None:
    vectors: dict[str, Any] = {"gamma": (tokens,), "mean": (tokens,), "var": (tokens,)}
    module = made(
        ("linear", "linear", [X, tensor("w")]), norm("norm", "linear", tensor("gamma")), w=(3, 4), **vectors
    )
    expect_same({"c": module}, shape=(tokens, 4))


def test_batch_norm_of_features_is_folded() -> None:
    module = made(
        ("flat", "flatten.using_ints", [X, 1]),
        ("linear", "linear", [ref("flat"), tensor("w")]),
        norm("norm", "linear", tensor("gamma")),
        w=(3, 48),
        **NORM,
    )
    expect_same({"c": module})
    app = compiled({"c": module}, {}, {"t": RELU})
    steps = app.trace["fold-batch-norm"].bricks["categories.c"].steps
    assert [step.function for step in steps] == ["flatten.using_ints", "linear"]


def gate(seed: int) -> GraphModule:
    """A map of one channel that all channels are multiplied by."""
    return made(
        conv("conv", X, "w"),
        conv("one", ref("conv"), "v"),
        ("sigmoid", "sigmoid", [ref("one")]),
        ("out", "mul.Tensor", [ref("conv"), ref("sigmoid")]),
        seed=seed,
        w=(4, 3, 1, 1),
        v=(1, 4, 1, 1),
    )


def test_a_gate_of_one_channel_stays_with_its_own_member() -> None:
    expect_same({"c": gate(1), "d": gate(2)})


def twice(second: str, seed: int) -> GraphModule:
    shapes: dict[str, Any] = dict.fromkeys(["w", second], (3, 3, 3, 3))
    steps = conv("a", X, "w", padding=1), ("r", "relu", [ref("a")]), conv("b", ref("r"), second, padding=1)
    return made(*steps, seed=seed, **shapes)


@pytest.mark.parametrize("seconds", ["wv", "vw", "ww"])
def test_a_weight_used_twice_beside_two(seconds: str) -> None:
    expect_same({"c": twice(seconds[0], 1), "d": twice(seconds[1], 2)})


def test_joined_adapters_that_use_a_weight_twice() -> None:
    adapter = made(conv("a", X, "w"), ("r", "relu", [ref("a")]), conv("b", ref("r"), "w"), w=(3, 3, 1, 1))
    task = made(conv("c", X, "w"), ("r", "relu", [ref("c")]), seed=3, w=(3, 3, 1, 1))
    expect_same({"c": RELU}, {"c:t": adapter}, {"t": task})


def test_operations_that_lead_nowhere() -> None:
    adapter = made(conv("a", X, "w"), w=(3, 3, 1, 1))
    task = made(("nothing", "relu", [tensor("z")]), conv("c", X, "w"), seed=3, w=(3, 3, 1, 1), z=(2,))
    expect_same({"c": RELU}, {"c:t": adapter}, {"t": task})


def test_one_offset_for_all_outputs() -> None:
    adapter = made(("a", "linear", [X, tensor("w")]), w=(3, 3))
    task = made(("b", "linear", [X, tensor("w"), tensor("bias")]), seed=3, w=(3, 3), bias=(1,))
    expect_same({"c": RELU}, {"c:t": adapter}, {"t": task}, shape=(3,))


def test_a_batchs_own_statistics() -> None:
    task = made(("norm", "batch_norm", [X, None, None, None, None, True, 0.1, 1e-5, True]))
    expect_same({"c": twice("v", 1), "d": twice("v", 2)}, tasks={"t": task})


SAME = made(conv("a", X, "w", padding=1), w=(3, 3, 3, 3))
NORMED = made(conv("a", X, "w"), norm("norm", "a", tensor("gamma")), w=(3, 3, 1, 1), **NORM)


@pytest.mark.parametrize(
    ("categories", "adapters"),
    [
        ({"c": RELU, "d": twice("v", 4)}, {"c:t": SAME, "d:t": SAME}),
        ({"c": RELU}, {"c:t": SAME, "c:u": SAME}),
        ({"c": RELU}, {"c:t": twice("v", 0), "c:u": SAME}),
        ({"c": RELU}, {"c:t": NORMED}),
    ],
)
def test_adapters_are_trained_each_by_itself(categories: Modules, adapters: Modules) -> None:
    tasks = {"t": RELU, "u": twice("w", 5)}
    parts = categories, {path: copy.deepcopy(each) for path, each in adapters.items()}, tasks
    app = compiled(*parts, passes="training").train()
    app.adapters.requires_grad_(True)
    for each in parts[1].values():
        each.requires_grad_(True)
    generator = torch.Generator().manual_seed(1)
    mine = torch.optim.SGD(app.adapters.parameters(), 0.05)
    hand = torch.optim.SGD([weight for each in parts[1].values() for weight in each.parameters()], 0.05)
    for _ in range(3):
        images = torch.rand(2, *SHAPE, generator=generator)
        found, wanted = app.by_path(images), by_hand(images, *parts)
        expect_close(
            *({path: each.detach() for path, each in outputs.items()} for outputs in (found, wanted))
        )
        for outputs, optimiser in ((found, mine), (wanted, hand)):
            optimiser.zero_grad()
            losses = [number * each.square().mean() for number, each in enumerate(outputs.values(), 1)]
            torch.stack(losses).sum().backward()
            optimiser.step()
