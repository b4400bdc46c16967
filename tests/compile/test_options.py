"""How a network runs: dtype, devices, torch.compile; and options that are none."""

from __future__ import annotations

import copy
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from benchmarks.compile import Zoo, images, make_zoo
from legonet.blocks.build import lowered
from legonet.compile.assemble import join
from legonet.compile.export import export
from legonet.compile.network import CompiledNetwork
from legonet.compile.network import CompiledPath as Route
from legonet.compile.options import CompileOptions, Running
from legonet.errors import DataError, ExportError, LegonetError, SelectError
from legonet.ir.interpreter import build_graph
from legonet.ir.lowering import lower

if TYPE_CHECKING:
    from legonet.network import Network


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return make_zoo(3)


@pytest.fixture(scope="module")
def wanted(zoo: Zoo) -> dict[str, torch.Tensor]:
    return zoo.compiled(options=CompileOptions("none")).by_path(images(2))


def compiled(zoo: Zoo, **options: Any) -> CompiledNetwork:
    """Of copies: a compiled network uses the modules that it is given, and may be moved."""
    return copy.deepcopy(zoo).compiled(options=CompileOptions(grouping="rule", **options))


def apart(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    assert list(found) == list(wanted)
    assert {each.dtype for each in found.values()} == {torch.float32}
    return max(float((found[path] - value).abs().max()) for path, value in wanted.items())


@pytest.mark.parametrize("passes", ["all", "none"])
def test_bfloat16(zoo: Zoo, wanted: dict[str, torch.Tensor], passes: str) -> None:
    app = zoo.compiled(options=CompileOptions(passes, dtype="bfloat16", grouping="rule"))
    assert 0 < apart(app.by_path(images(2)), wanted) < 0.01
    assert {each.dtype for each in app.parameters()} == {torch.bfloat16}
    kept = [*zoo.categories.values(), *zoo.tasks.values(), *zoo.adapters.values(), app.input]
    assert {each.dtype for module in kept for each in module.state_dict().values()} == {torch.float32}


def test_only_tensors_of_four_axes_have_channels_last() -> None:
    """A Swin's masks have five."""
    module = nn.Conv2d(2, 3, 3)
    module.register_buffer("mask", torch.zeros(1, 2, 3, 4, 5))
    ordered = Running(memory_format=torch.channels_last).ordered(module)
    assert ordered.get_parameter("weight").is_contiguous(memory_format=torch.channels_last)
    assert ordered.get_buffer("mask").is_contiguous()


def test_a_dtype_may_be_torchs(zoo: Zoo) -> None:
    assert compiled(zoo, dtype=torch.bfloat16).running == compiled(zoo, dtype="bfloat16").running
    with pytest.raises(SelectError, match="dtype: found 'float64'; expected one of float32, bfloat16"):
        compiled(zoo, dtype=torch.float64)


def test_float16_is_autocast(zoo: Zoo, wanted: dict[str, torch.Tensor]) -> None:
    app = compiled(zoo, dtype="float16")
    assert {each.dtype for each in app.parameters()} == {torch.float32}
    seen = []
    app.tasks["classify"].register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    assert 0 < apart(app.by_path(images(2)), wanted) < 0.01
    assert seen == [torch.float16]


def test_one_path_of_another_dtype(zoo: Zoo) -> None:
    path = Route("c0", "classify", native=True)
    parts = copy.deepcopy(zoo)
    app = parts.compiled(path, options=CompileOptions("none", dtype="bfloat16"))
    value = app(images(2))
    assert isinstance(value, torch.Tensor)
    assert value.dtype == torch.float32
    twice = parts.compiled(path, options=CompileOptions("none")).double()  # by hand, afterwards
    output = twice(images(2))
    assert isinstance(output, torch.Tensor)
    assert output.dtype == torch.float64


@pytest.mark.parametrize("passes", ["all", "none", "training"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_several_devices(zoo: Zoo, wanted: dict[str, torch.Tensor], passes: str, count: int) -> None:
    app = compiled(zoo, passes=passes, device=["cpu"] * count)
    assert apart(app.by_path(images(2)), wanted) < 1e-5
    assert ("place" in app.trace) == (count > 1)


def test_values_go_where_the_next_module_is() -> None:
    """The meta device computes nothing, but refuses what is elsewhere; values can go there, not back."""
    categories = {name: lowered(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))) for name in "ab"}
    adapters = {
        f"{name}:t": lowered(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())) for name in "ab"
    }
    tasks = {"t": lowered(nn.Sequential(nn.Conv2d(4, 1, 1)))}
    paths = tuple(Route(name, "t", native=False) for name in "ab")
    options = CompileOptions(device=("meta", "cpu"), grouping="rule")
    app = join(paths, build_graph(lower({})), categories, adapters, tasks, options)
    assert {each.device.type for each in app.categories.parameters()} == {"cpu", "meta"}
    assert {each.device.type for each in app.tasks.parameters()} == {"meta"}
    assert {each.device.type for each in app.by_path(torch.rand(2, 3, 4, 4)).values()} == {"meta"}


def test_moved_afterwards(zoo: Zoo) -> None:
    app = compiled(zoo, device=("cpu", "cpu")).to("meta")
    assert {each.device.type for each in app.by_path(images(2).to("meta")).values()} == {"meta"}
    assert str(app.running) == "on meta, in float32"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """torch.compile without a code generator, which takes long; a call that it cannot trace is an error."""
    modes: list[str] = []
    original = torch.compile

    def traced(compute: Any, mode: str) -> Any:
        modes.append(mode)
        return original(compute, backend="eager", fullgraph=True)

    monkeypatch.setattr(torch, "compile", traced)
    return modes


def test_torch_compile(zoo: Zoo, wanted: dict[str, torch.Tensor], eager: list[str]) -> None:
    app = compiled(zoo, torch_compile=True)
    assert app.warm_up(2) > 0
    assert apart(app.by_path(images(2)), wanted) < 1e-5
    for twin in (copy.deepcopy(app), pickle.loads(pickle.dumps(app))):
        for each in twin.parameters():
            each.zero_()
        assert apart(app.by_path(images(2)), wanted) < 1e-5
        assert not twin.by_path(images(2))["c1:classify"].any()
    assert set(eager) == {"default"}
    assert "torch.compile (default)" in str(app.explain())
    assert "warm_up" in str(app.explain())


@pytest.mark.slow
def test_torch_compile_of_torch_itself(zoo: Zoo, wanted: dict[str, torch.Tensor]) -> None:
    assert apart(compiled(zoo, torch_compile=True).by_path(images(2)), wanted) < 1e-5


def test_warm_up(network: Network, zoo: Zoo) -> None:
    network.transplant()
    app, seen = network.compile("cat:classify", separate_inputs=True), []
    app.categories["cat"].register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[0]))
    app.warm_up()
    app.warm_up(2, 5)
    assert seen == [1, 2, 5]
    categories, tasks = (
        {name: lowered(each) for name, each in modules.items()} for modules in (zoo.categories, zoo.tasks)
    )
    by_hand = join((zoo.paths[0],), zoo.input, categories, {}, tasks)
    with pytest.raises(DataError, match="joined by hand"):
        by_hand.warm_up()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "bfloat"}, r"^dtype: found 'bfloat'; expected one of float32, .*Did you mean 'bfloat16'"),
        ({"grouping": "always"}, "^grouping: found 'always'; expected one of measured, rule"),
        ({"memory_format": "nchw"}, "^memory_format: found 'nchw'; expected one of contiguous"),
        ({"torch_compile": "fast"}, "^torch_compile: found 'fast'; expected one of default, "),
        ({"cuda_graphs": True}, "^cuda_graphs: found device cpu; expected one CUDA device"),
        ({"device": []}, "^device: found none; expected one"),
        ({"device": ["cpu", "nowhere"]}, "^device nowhere: .*; expected a device of this machine"),
    ],
)
def test_options_that_are_none(network: Network, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LegonetError, match=message):
        network.compile("cat:classify", **options)


def test_without_a_compiler(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SelectError, match=r"found no C\+\+ compiler.*; install one, or leave"):
        network.compile("cat:classify", torch_compile=True)


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"dtype": "float16"}])
def test_only_plain_networks_are_exported(zoo: Zoo, tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ExportError, match=r"found a network that runs on cpu, .* as it stands"):
        export(compiled(zoo, **options), tmp_path / "app.pt2")
    assert not list(tmp_path.iterdir())
