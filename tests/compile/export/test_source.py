"""Any model is written as Python that computes the same and looks like what its authors wrote."""

from __future__ import annotations

import keyword
import re
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from legonet.blocks.build import lowered
from legonet.compile.assemble import join
from legonet.compile.export import export
from legonet.compile.export.folder import load_folder, write_folder
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.compile.signature import OutputSignature, Signature
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.outputs.vector import VectorOutput
from legonet.teachers.tracing.trace import trace
from tests.compile.modules import SHAPE, Parts, parts


@dataclass(frozen=True)
class Written:
    """A network and what was written of it."""

    network: CompiledNetwork
    run: Callable[[Tensor], Mapping[str, Tensor]]
    text: str

    def expect_same(self, shape: tuple[int, ...]) -> None:
        for batch in (1, 2, 5):
            images = torch.rand(batch, *shape)
            with torch.no_grad():
                found, wanted = self.run(images)["a:t"], self.network(images)
            assert found.shape == wanted.shape
            assert float((found - wanted).abs().max()) <= 1e-6


def write(module: GraphModule, shape: tuple[int, int, int], folder: Path, passes: str = "none") -> Written:
    """Write a network whose task module is the given one, which takes 3 channels."""
    torch.manual_seed(0)
    stage, paths = Normalise((0.5,) * 3, (0.25,) * 3), (CompiledPath("a", "t", native=True),)
    below = lowered(nn.Sequential(nn.Conv2d(3, 3, 1)))
    network = join(paths, stage, {"a": below}, {}, {"t": module}, CompileOptions(passes), shape)
    outputs = {"a:t": OutputSignature(VectorOutput(kind="vector", names=("x",)), "a")}
    network.signature = Signature("zoo", shape, (0.5,) * 3, (0.25,) * 3, outputs)
    export(network, folder)
    return Written(network, load_folder(folder), (folder / "model.py").read_text())


def taken_in(model: nn.Module, shape: tuple[int, ...]) -> GraphModule:
    model.eval().requires_grad_(False)
    for each in model.modules():
        if isinstance(each, nn.BatchNorm2d):
            assert each.running_mean is not None
            assert each.running_var is not None
            nn.init.normal_(each.running_mean)
            nn.init.uniform_(each.running_var, 0.5, 2)
    taken = trace(model, shape)
    return with_tensors(taken.graph, {**model.state_dict(), **taken.constants})


def graph_module(
    steps: list[tuple[str, str, str, list[Any]]], tensors: dict[str, tuple[int, ...]], **keywords: Any
) -> GraphModule:
    """A module of operations: name, the module that calls it, function, arguments."""
    torch.manual_seed(0)
    made = {name: Operation(name, function, tuple(given), {}, m) for name, m, function, given in steps}
    specs = {name: TensorSpec(shape) for name, shape in tensors.items()}
    graph = ModelGraph(made, steps[-1][0], specs)
    return with_tensors(graph, {name: torch.rand(shape) for name, shape in tensors.items()})


def ref(name: str = INPUT) -> dict[str, str]:
    return {"ref": name}


def tensor(name: str) -> dict[str, str]:
    return {"tensor": name}


def test_a_resnet_as_its_authors_wrote_it(tmp_path: Path) -> None:
    shape = (3, 32, 32)
    model = torchvision.models.resnet18(num_classes=7)
    written = write(taken_in(model, shape), shape, tmp_path / "app")
    written.expect_same(shape)
    assert written.text.count("class ") == 5  # of the input, two kinds of block, the whole, the network
    assert "self.layer2 = nn.Sequential(LayerBlock2(64, 128), LayerBlock(128))" in written.text
    assert "self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)" in written.text
    assert "        y = self.bn2(y)\n        y = y + x\n        return self.relu(y)\n" in written.text
    assert {f"tasks_t.{name}" for name in model.state_dict()} <= set(written.run.state_dict())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("make", "shape", "words"),
    [
        (
            lambda: torchvision.models.mobilenet_v3_small(num_classes=7),
            (3, 32, 32),
            ["class Features(nn.Sequential)", "groups=hidden_channels", "nn.Hardsigmoid("],
        ),
        (
            lambda: torchvision.models.convnext.ConvNeXt(
                [
                    torchvision.models.convnext.CNBlockConfig(8, 12, 2),
                    torchvision.models.convnext.CNBlockConfig(12, None, 1),
                ],
                num_classes=7,
            ),
            (3, 32, 32),
            [
                "return x.permute(0, 2, 3, 1)",
                "torch.empty(channels, 1, 1)",
                "F.layer_norm(x, self.weight.shape",
            ],
        ),
        (
            lambda: torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 24, num_classes=7),
            (3, 32, 32),
            ["self.out_proj = nn.Linear(16, 16)", "F.scaled_dot_product_attention(", "batch = x.shape[0]"],
        ),
        (
            lambda: torchvision.models.DenseNet(4, (2, 2, 1, 1), 4, 1, num_classes=7),
            (3, 32, 32),
            ["def forward(self, *x: Tensor)", "torch.cat(x, 1)"],
        ),
    ],
)
@pytest.mark.parametrize("passes", ["none", "all"])
def test_models_of_libraries(
    make: Callable[[], nn.Module], shape: tuple[int, int, int], words: list[str], passes: str, tmp_path: Path
) -> None:
    written = write(taken_in(make(), shape), shape, tmp_path / "app", passes)
    written.expect_same(shape)
    assert [word for word in words if word not in written.text] == []
    assert "ops.aten" not in written.text
    assert max(map(len, written.text.splitlines())) <= 110


CONV = {"conv.weight": (3, 3, 1, 1), "conv.bias": (3,)}
USED_TWICE: list[tuple[str, str, str, list[Any]]] = [
    ("first", "conv", "conv2d", [ref(), tensor("conv.weight"), tensor("conv.bias")]),
    ("between", "", "sigmoid", [ref("first")]),
    ("second", "conv", "conv2d", [ref("between"), tensor("conv.weight"), tensor("conv.bias")]),
    ("sum", "", "add.Tensor", [ref("second"), ref("first")]),
]


def test_a_module_that_is_called_twice(tmp_path: Path) -> None:
    written = write(graph_module(USED_TWICE, CONV), (3, 6, 6), tmp_path / "app")
    written.expect_same((3, 6, 6))
    assert written.text.count("self.conv = nn.Conv2d(3, 3, 1)") == 1
    assert written.text.count("self.conv(") == 2


class Branching(nn.Module):
    """Takes and gives two maps, as a stage of CrossViT and HRNet does."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 3, 2, 1)

    def forward(self, maps: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        fine, coarse = maps
        return self.fine(fine).relu(), self.coarse(fine) + coarse


class Split(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x[..., ::2, ::2]


class Summed(nn.Module):
    def forward(self, maps: tuple[Tensor, Tensor]) -> Tensor:
        return maps[0].mean((2, 3)) + maps[1].mean((2, 3))


def test_modules_that_hand_on_several_tensors(tmp_path: Path) -> None:
    stages = nn.Sequential(Split(), Branching(), Branching())
    model = nn.Sequential(OrderedDict(stages=stages, head=Summed()))
    write(taken_in(model, (3, 8, 8)), (3, 8, 8), tmp_path / "app").expect_same((3, 8, 8))


def test_a_weight_of_two_modules_is_their_parent_s(tmp_path: Path) -> None:
    steps = [*USED_TWICE[:3], ("other", "head.last", "conv2d", [ref("second"), tensor("conv.weight")])]
    written = write(graph_module(steps, CONV), (3, 6, 6), tmp_path / "app")
    written.expect_same((3, 6, 6))
    assert "self.conv_weight = nn.Parameter(torch.empty(3, 3, 1, 1))" in written.text
    assert "F.conv2d(x, self.conv_weight, self.conv_bias)" in written.text


def test_modules_whose_operations_lie_apart(tmp_path: Path) -> None:
    """Two branches whose operations alternate, each with an operation of its own at first."""
    steps: list[tuple[str, str, str, list[Any]]] = [
        ("a.0", "a.0", "conv2d", [ref(), tensor("a.0.weight")]),
        ("b.0", "b.0", "conv2d", [ref(), tensor("b.0.weight"), None, [1, 1], [1, 1]]),
        ("a.1", "a", "tanh", [ref("a.0")]),
        ("b.1", "b", "sigmoid", [ref("b.0")]),
        ("sum", "", "add.Tensor", [ref("a.1"), ref("b.1")]),
    ]
    weights = {"a.0.weight": (3, 3, 1, 1), "b.0.weight": (3, 3, 3, 3)}
    written = write(graph_module(steps, weights), (3, 6, 6), tmp_path / "app")
    written.expect_same((3, 6, 6))
    assert "self.a_0 = nn.Conv2d(3, 3, 1, bias=False)" in written.text
    assert "self.b_0 = nn.Conv2d(3, 3, 3, padding=1, bias=False)" in written.text


def test_a_module_of_several_outputs_whose_input_is_no_batch(tmp_path: Path) -> None:
    """The batch's size is taken where an input tells it, and made tensors go where the input is."""
    steps = [
        ("turned", "", "permute", [ref(), [1, 0, 2, 3]]),
        ("in.split", "in", "unbind.int", [ref("turned")]),
        ("in.first", "in", "getitem", [ref("in.split"), 0]),
        ("in.second", "in", "getitem", [ref("in.split"), 1]),
        ("ones", "made", "ones", [[{"batch": 1}, 6, 6]]),
        ("out.sum", "out", "add.Tensor", [ref("in.first"), ref("in.second")]),
        ("out.view", "out", "view", [ref("out.sum"), [{"batch": 2}, 3, 6]]),
        ("out.back", "out", "view", [ref("out.view"), [{"batch": 1}, 6, 6]]),
        ("sum", "", "add.Tensor", [ref("out.back"), ref("ones")]),
    ]
    written = write(graph_module(steps, {}), (3, 6, 6), tmp_path / "app")
    written.expect_same((3, 6, 6))
    assert "return y, x\n" in written.text
    assert "x, y = self._in(x)" in written.text
    assert "torch.ones([batch, 6, 6], device=device)" in written.text
    assert re.search(r"x\.(view|reshape)\(batch \* 2, 3, 6\)", written.text)


def test_blocks_of_different_sizes_share_a_class_and_different_ones_do_not(tmp_path: Path) -> None:
    class Block(nn.Module):
        def __init__(self, channels: int, more: int, kernel: int, stride: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, more, kernel, stride, kernel // 2)

        def forward(self, features: Tensor) -> Tensor:
            return torch.relu(self.conv(features)) * 2

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.low, self.high, self.top = Block(3, 4, 3, 1), Block(4, 4, 1, 2), nn.Linear(4, 1)

        def forward(self, images: Tensor) -> Tensor:
            return self.top(self.high(self.low(images)).mean((2, 3)))

    written = write(taken_in(Whole(), (3, 6, 6)), (3, 6, 6), tmp_path / "app")
    written.expect_same((3, 6, 6))
    assert "self.low = Low(in_channels=3, kernel_size=3, stride=1, padding=1)" in written.text
    assert "self.high = Low(in_channels=4, kernel_size=1, stride=2, padding=0)" in written.text
    assert "nn.Conv2d(in_channels, 4, kernel_size, stride=stride, padding=padding)" in written.text
    assert "x.mean([2, 3])" in written.text


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts(), st.sampled_from(["none", "share", "all"]))
def test_any_network(tmp_path: Path, made: Parts, passes: str) -> None:
    """Shared parts, groups, batches, residuals, views and weights that are used twice."""
    network = join(
        made.paths, made.input, made.categories, made.adapters, made.tasks, CompileOptions(passes), SHAPE
    )
    outputs = {
        path.name: OutputSignature(VectorOutput(kind="vector", names=("x",)), "a") for path in made.paths
    }
    signature = Signature("zoo", SHAPE, None, None, outputs)
    folder = Path(tempfile.mkdtemp(dir=tmp_path)) / "app"
    write_folder(network, signature, folder)
    run = load_folder(folder)
    for batch in (1, 3):
        images = torch.rand(batch, *SHAPE)
        with torch.no_grad():
            found, wanted = run(images), network.by_path(images)
        for name, value in wanted.items():
            assert float((found[name] - value).abs().max()) <= 1e-6 * max(1.0, float(value.abs().max()))


NAMES = [
    'x"); raise SystemExit(1)  # ',
    "'''\"\"\"\nraise SystemExit(1)",
    "class",
    "forward",
    "__class__",
    "__init__",
    "T_destination",
    "naïve",
    "{}%s\\",
    "self",
    "torch",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_strangers_never_become_code(name: str, tmp_path: Path) -> None:
    weight = {f"{name}.conv.weight": (3, 3, 1, 1), f"{name}.{name}": (3, 1, 1)}
    steps = [
        (f"{name}.conv", f"{name}.conv", "conv2d", [ref(), tensor(f"{name}.conv.weight")]),
        (f"{name}.mul", name, "mul.Tensor", [ref(f"{name}.conv"), tensor(f"{name}.{name}")]),
        (f"{name}.0", f"{name}-2.{name}", "relu", [ref(f"{name}.mul")]),
        (f"{name}.1", f"{name}-2.{name}.1", "relu", [ref(f"{name}.0")]),
    ]
    written = write(graph_module(steps, weight), (3, 6, 6), tmp_path / "app")
    written.expect_same((3, 6, 6))
    assert "SystemExit(" not in written.text
    if keyword.iskeyword(name) or hasattr(nn.Module, name) or not name.isascii():
        assert f".{name} " not in written.text


def test_a_tensor_that_is_weight_and_bias_of_one_layer(tmp_path: Path) -> None:
    both, recorded = {"tensor": "norm.both"}, [{"tensor": "norm.mean"}, {"tensor": "norm.var"}]
    step = Operation(
        "norm", "batch_norm", ({"ref": INPUT}, both, both, *recorded, False, 0.1, 1e-5, True), {}
    )
    specs = {f"norm.{name}": TensorSpec((3,), buffer=name != "both") for name in ("both", "mean", "var")}
    module = with_tensors(
        ModelGraph({"norm": step}, "norm", specs), {name: torch.rand(3) + 0.5 for name in specs}
    )
    write(module, (3, 4, 4), tmp_path / "app").expect_same((3, 4, 4))
