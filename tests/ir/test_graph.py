"""Graphs of operations: read from data that is not trusted, cut at cut_points, computed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from torch import Tensor

from legonet.errors import BlockError, TeacherError
from legonet.ir.cuts import crossing, cut_points, find_cut, rectifiers
from legonet.ir.graph import ModelGraph, graph_from_data
from legonet.ir.interpreter import build_graph
from legonet.ir.sizes import output_shape
from legonet.ir.split import cut_at
from legonet.ops.table import ROWS

REF = {"ref": "input"}


def step(name: str, op: str, *args: Any, module: str | None = None, **kwargs: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"name": name, "op": op, "args": list(args)}
    data |= {"kwargs": kwargs} if kwargs else {}
    return data | ({} if module is None else {"module": module})


def ref(name: str) -> dict[str, str]:
    return {"ref": name}


# A residual block between two convolutions, and a table that does not follow the input.
DATA: dict[str, Any] = {
    "steps": [
        step("stem", "conv2d", REF, {"tensor": "stem.weight"}, None, [1, 1], [1, 1]),
        step("block.conv", "conv2d", ref("stem"), {"tensor": "block.conv.weight"}, None),
        step("block.relu", "relu", ref("block.conv")),
        step("block.add", "add.Tensor", ref("stem"), ref("block.relu"), module="block"),
        step("table", "expand", {"tensor": "table"}, [{"batch": 1}, 2, 4, 4], module=""),
        step("shifted", "add.Tensor", ref("block.add"), ref("table"), module=""),
        step("pool", "adaptive_avg_pool2d", ref("shifted"), [1, 1]),
        step("flatten", "flatten.using_ints", ref("pool"), 1, module=""),
        step("fc", "linear", ref("flatten"), {"tensor": "fc.weight"}),
    ],
    "output": "fc",
    "tensors": {
        "stem.weight": {"shape": [2, 3, 3, 3]},
        "block.conv.weight": {"shape": [2, 2, 1, 1]},
        "table": {"shape": [1, 2, 4, 4], "buffer": True},
        "fc.weight": {"shape": [1, 2]},
    },
}


@pytest.fixture
def operations() -> ModelGraph:
    return graph_from_data(copy.deepcopy(DATA))


def values(operations: ModelGraph) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(spec.shape, generator=generator) for name, spec in operations.tensors.items()}


def compute(operations: ModelGraph, state: dict[str, Tensor], features: Tensor) -> Tensor:
    module = build_graph(operations)
    module.load_state_dict({name: state[name] for name in operations.tensors})
    with torch.no_grad():
        return module(features)


def test_read_and_written_again(operations: ModelGraph) -> None:
    assert operations.data() == DATA
    assert graph_from_data(json.loads(operations.json())) == operations


def test_cut_points(operations: ModelGraph) -> None:
    assert cut_points(operations) == ["stem", "block.add", "shifted", "pool", "flatten"]
    assert crossing(operations, "block.relu") == ["stem", "block.relu"]
    assert rectifiers(operations) == ["block.relu"]


@pytest.mark.parametrize("cut", ["stem", "block.add", "block", "shifted", "pool", "flatten"])
@pytest.mark.parametrize("batch", [1, 4])
def test_the_parts_compose_to_the_model(operations: ModelGraph, cut: str, batch: int) -> None:
    f, g = cut_at(operations, cut).parts
    state, images = values(operations), torch.randn(batch, 3, 4, 4)
    assert torch.equal(compute(g, state, compute(f, state, images)), compute(operations, state, images))
    assert set(f.tensors) | set(g.tensors) == set(operations.tensors)
    assert not set(f.tensors) & set(g.tensors)
    assert graph_from_data(f.data()) == f
    assert graph_from_data(g.data()) == g


def test_a_cut_by_a_modules_name_is_what_it_gives(operations: ModelGraph) -> None:
    assert find_cut(operations, "block") == "block.add"


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (
            "block.conv",
            "t: 2 tensors cross at 'block.conv': stem, block.conv; expected a place that one tensor crosses; "
            "cut at 'stem' below or 'block' above",
        ),
        (
            "fc",
            "t: cut 'fc' is the model's output, so that no task module is left; expected one of flatten, ",
        ),
        (
            "blok",
            "t: cut 'blok' is neither a module nor an operation that its output follows; expected one of "
            "stem, block, shifted, pool, ",
        ),
        ("table", "t: cut 'table' does not lie between the input and the output; expected one of stem, "),
        ("", "t: cut '' is neither a module nor an operation that its output follows; expected one of "),
    ],
)
def test_places_that_are_no_cuts(operations: ModelGraph, cut: str, message: str) -> None:
    with pytest.raises(TeacherError) as caught:
        cut_at(operations, cut, where="t")
    assert str(caught.value).startswith(message)


def test_did_you_mean(operations: ModelGraph) -> None:
    with pytest.raises(TeacherError, match=r"Did you mean 'block'\?$"):
        find_cut(operations, "blok")


def test_a_module_that_is_called_again_has_two_places() -> None:
    data: dict[str, Any] = {
        "steps": [
            step("act_1", "relu", REF, module="act"),
            step("norm", "neg", ref("act_1")),
            step("act_2", "relu", ref("norm"), module="act"),
            step("end", "neg", ref("act_2")),
        ],
        "output": "end",
        "tensors": {},
    }
    with pytest.raises(TeacherError, match="cut 'act' is computed 2 times, as act_1 and act_2"):
        find_cut(graph_from_data(data), "act")


def test_what_only_clips_is_no_rectifier() -> None:
    data = {
        "steps": [
            step("six", "hardtanh", REF, 0.0, 6.0),
            step("tanh", "hardtanh", ref("six"), -1.0, 1.0),
            step("floor", "clamp", ref("tanh"), min=0),
            step("norm", "clamp_min", ref("floor"), 1e-12),
        ],
        "output": "norm",
        "tensors": {},
    }
    assert rectifiers(graph_from_data(data)) == ["six", "floor"]


def changed(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(DATA) | changes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "expected the keys steps, output and tensors"),
        ({"steps": [], "output": "x"}, "expected the keys"),
        (changed(output="none"), "output: 'none' is not an operation"),
        (changed(steps=[step("a", "os.system", "ls")]), r"a: operation 'os.system' is not allowed"),
        (
            changed(steps=[step("a", "relu", ref("b")), step("b", "relu", REF)]),
            "a: takes 'b', which no operation",
        ),
        (changed(steps=[step("a", "relu", {"tensor": "x"})]), "takes the tensor 'x', which is not listed"),
        (changed(steps=[step("a", "relu", REF), step("a", "relu", REF)]), "a: two results have this name"),
        (changed(steps=[step("input", "relu", REF)]), "input: two results have this name"),
        (changed(steps=[step("a..b", "relu", REF)]), "expected names with single dots"),
        (changed(steps=[step("a", "relu", {"code": "1"})]), "is not an argument"),
        (changed(steps=[step("a", "relu", {"batch": "1"})]), "is not an argument"),
        (changed(steps=[step("a", "relu", float("nan"))]), "is not finite"),
        (changed(tensors={"x": {"shape": [-1]}}), "tensors.x: its shape is not a list of sizes"),
        (changed(tensors={"x": {"shape": [1], "dtype": "object"}}), "tensors.x: dtype 'object' is not known"),
        (changed(tensors=DATA["tensors"] | {"x": {"shape": [1]}}), "tensors: no operation takes x"),
    ],
)
def test_data_that_is_no_model(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graph_from_data(data)


def test_every_operation_is_torchs() -> None:
    for name in ROWS.keys() - {"getitem", "identity"}:
        packet, _, overload = name.partition(".")
        function = getattr(getattr(torch.ops.aten, packet), overload or "default")
        assert not function._schema.is_mutable, name


def test_the_shape_of_the_output(operations: ModelGraph) -> None:
    assert output_shape(operations, (3, 4, 4)) == (1,)
    with pytest.raises(
        BlockError, match=r"^t\.shifted: add.Tensor cannot take its input of shape \(2, 5, 5\): "
    ):
        output_shape(operations, (3, 5, 5), where="t")


def test_weights_are_parameters_and_buffers_are_not(operations: ModelGraph) -> None:
    module = build_graph(operations)
    assert set(module.state_dict()) == set(operations.tensors)
    assert {name for name, _ in module.named_buffers()} == {"table"}
    again = copy.deepcopy(module)
    again.load_state_dict(values(operations))
    assert not torch.equal(again.tensor("fc.weight"), module.tensor("fc.weight"))


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(output=["fc"]), r"output: '\['fc'\]' is not an operation"),
        (changed(tensors={"x": {"shape": [1], "dtype": ["float32"]}}), "tensors.x: dtype .* is not known"),
        (
            changed(tensors={"x": {"shape": []}, "x.y.z": {"shape": []}}),
            "tensors.x.y.z: 'x' is a tensor itself",
        ),
        (changed(tensors={"x": {"shape": [2**40, 2**40]}}), "tensors.x: its shape has more numbers than any"),
        (changed(tensors={"x": {"shape": [0, 2**70]}}), "tensors.x: its shape has more numbers than any"),
        (changed(steps=[step("a", "relu", nested(5000))]), "a: an argument has lists in lists, more than 16"),
        (changed(steps=[step("a", "pad", REF, [2**63])]), "a: an argument has more than 64 bits"),
        (changed(steps=[step("a", "relu", {"infinity": 10**400})]), "a: infinity has no such factor"),
        (changed(steps=[step("a", "relu", {"infinity": 0})]), "a: infinity has no such factor"),
        (changed(steps=[step("a", "relu", {"batch": 2**70})]), "a: batch has no such factor"),
        (changed(steps=[step("a", "zeros", [2], device="cpu")]), "a: names a device"),
    ],
)
def test_data_of_strangers(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graph_from_data(data)


UNFIT: list[tuple[str, list[Any]]] = [
    ("mean.dim", [REF, [["a"]]]),
    ("permute", [REF, 3]),
    ("upsample_nearest2d.vec", [REF, None, [1e308, 1e308]]),
    ("conv2d", [REF]),
    ("max_pool2d", [REF, "wide"]),
    ("max_pool2d", [REF, [0, 0], [0, 0]]),
    ("stack", [[], 0]),
    ("expand", [REF, [2**62, 2**62, 3, 4, 4]]),
    ("slice.Tensor", [REF, 1, 0, 4, 0]),
    ("unbind.int", [REF, 9]),
    ("index_select", [REF, 1, 7]),
    ("pixel_unshuffle", [REF, 0]),
    ("zeros", [[2**61, 2**61]]),
    ("t", [REF]),
]


@pytest.mark.parametrize(("op", "arguments"), UNFIT)
def test_arguments_of_strangers(op: str, arguments: list[Any]) -> None:
    graph = graph_from_data({"steps": [step("a", op, *arguments)], "output": "a", "tensors": {}})
    with pytest.raises(BlockError, match=r"^m\.a: "):
        output_shape(graph, (3, 4, 4), where="m")


@pytest.mark.parametrize(
    "call",
    [
        step("a", "relu"),
        step("a", "relu", REF, 1),
        step("a", "dropout", REF, 0.5, False),
        step("a", "add.Tensor", REF),
        step("a", "add.Tensor", REF, REF, beta=1),
        step("a", "getitem", REF),
    ],
)
def test_another_number_of_arguments(call: dict[str, Any]) -> None:
    graph = graph_from_data({"steps": [call], "output": "a", "tensors": {}})
    with pytest.raises(BlockError, match=f"^a: {call['op']} has "):
        build_graph(graph)


@pytest.mark.parametrize("op", ["unbind.int", "split.Tensor", "chunk"])
def test_too_many_results(op: str) -> None:
    arguments = [REF, 2] if op == "unbind.int" else [REF, 1 if op == "split.Tensor" else 2**40, 2]
    graph = graph_from_data({"steps": [step("a", op, *arguments)], "output": "a", "tensors": {}})
    with pytest.raises(BlockError, match="results; expected at most"):
        output_shape(graph, (3, 2**40), where="m")


def test_images_that_no_memory_holds() -> None:
    graph = graph_from_data({"steps": [step("a", "t", REF)], "output": "a", "tensors": {}})
    with pytest.raises(BlockError, match=r"^m: .*expected images that fit into memory"):
        output_shape(graph, (2**31, 2**31), where="m")
