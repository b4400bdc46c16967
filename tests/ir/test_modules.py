"""Modules to blobs and back: every bit the same, frozen, and nothing foreign taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from legonet.blocks.adapter import build_adapter, set_beta
from legonet.blocks.build import build_layers, lowered
from legonet.errors import BlockError, StoreError
from legonet.graph.schema import Adapter
from legonet.ir.interpreter import GraphModule
from legonet.ir.lowering import lower
from legonet.ir.modules import DTYPES, blob_graph, load_module, raw_tensor, write_module
from legonet.ir.notation import layers_data, layers_from_data
from legonet.store.memory_map import map_file
from legonet.store.modules import dump_module
from legonet.store.tensors import RawTensor

LAYERS = layers_from_data(
    {
        "body.0": {"type": "conv", "in": 3, "out": 4, "kernel": [3, 1], "padding": [1, 0]},
        "body.1": {"type": "batch-norm", "channels": 4},
        "body.2": {"type": "relu"},
        "pool": {"type": "adaptive-avg-pool", "size": 1},
        "drop": {"type": "dropout"},
        "flat": {"type": "flatten"},
        "fc": {"type": "linear", "in": 4, "out": 1, "bias": False},
    }
)


@pytest.fixture
def trained() -> nn.Sequential:
    torch.manual_seed(0)
    module = build_layers(LAYERS)
    module(torch.randn(8, 3, 5, 5))  # moves the statistics of the batch norm
    return module.eval()


@pytest.fixture
def module(trained: nn.Sequential) -> GraphModule:
    return lowered(trained)


def test_the_same_module_comes_back(trained: nn.Sequential) -> None:
    blob = write_module("category-module", lowered(trained))
    loaded = load_module(blob)
    images = torch.randn(2, 3, 5, 5)
    assert torch.equal(loaded(images), trained(images))
    assert write_module("category-module", loaded) == blob
    assert blob_graph(blob) == lower(LAYERS) == loaded.graph
    assert blob_graph(blob).notation == LAYERS == loaded.graph.notation


def test_it_is_frozen_and_in_evaluation_mode(module: GraphModule) -> None:
    loaded = load_module(write_module("task-module", module))
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert not any(each.training for each in loaded.modules())


def test_memory_that_may_be_written_to_is_used_as_it_is(tmp_path: Path) -> None:
    layers = layers_from_data({"fc": {"type": "linear", "in": 16, "out": 16, "bias": False}})
    module = lowered(build_layers(layers))
    path, weight = tmp_path / "blob", module.get_parameter("fc.weight")
    path.write_bytes(write_module("task-module", module))
    with path.open("rb") as file:
        blob = memoryview(map_file(file))
    loaded = load_module(blob).get_parameter("fc.weight")
    assert 0 < loaded.data_ptr() - np.frombuffer(blob, np.uint8).ctypes.data < len(blob)
    assert torch.equal(loaded, weight)
    assert torch.equal(load_module(path).get_parameter("fc.weight"), weight)


def test_it_shares_no_memory_with_the_blob(module: GraphModule) -> None:
    blob = write_module("category-module", module)
    with torch.no_grad():
        for tensor in load_module(blob).state_dict().values():
            tensor.zero_()
    assert write_module("category-module", load_module(blob)) == blob


def test_from_a_file(module: GraphModule, tmp_path: Path) -> None:
    blob = write_module("category-module", module)
    (tmp_path / "blob").write_bytes(blob)
    assert write_module("category-module", load_module(tmp_path / "blob")) == blob
    with pytest.raises(StoreError, match="none: no such file; expected a blob"):
        load_module(tmp_path / "none")
    (tmp_path / "half").write_bytes(blob[: len(blob) // 2])
    with pytest.raises(StoreError, match="half: it is cut short"):
        load_module(tmp_path / "half")


def test_an_adapter_is_a_chain_too() -> None:
    adapter = build_adapter(Adapter(kernel=3, depth=2, hidden=5), (3, 4, 4), (6, 4, 4))
    set_beta(adapter, 0.7)
    loaded = load_module(write_module("adapter", adapter))
    images = torch.randn(2, 3, 4, 4)
    assert torch.equal(loaded(images), adapter(images))


def test_dtypes_are_kept(module: GraphModule) -> None:
    loaded = load_module(write_module("category-module", module.half()))
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float16, torch.int64}


@pytest.mark.parametrize("name", list(DTYPES))
@pytest.mark.parametrize("shape", [(), (0, 2), (3, 2)])
def test_bytes_of_every_dtype(name: str, shape: tuple[int, ...]) -> None:
    values = torch.arange(torch.Size(shape).numel()).reshape(shape) % 2
    tensor = values.to(DTYPES[name])
    raw = raw_tensor(tensor.t() if len(shape) == 2 else tensor)
    assert raw.dtype == name
    assert raw.shape == shape[::-1]
    assert len(raw.data) == tensor.numel() * tensor.element_size()
    if tensor.numel():
        expected = (tensor.t() if len(shape) == 2 else tensor).contiguous().reshape(-1).view(torch.uint8)
        assert list(raw.data) == expected.tolist()


def test_a_dtype_that_no_blob_holds(module: GraphModule) -> None:
    with pytest.raises(StoreError, match=r"tensor w: dtype torch\.complex64 cannot be stored"):
        raw_tensor(torch.zeros(1, dtype=torch.complex64), "w")


def test_a_module_that_is_no_chain_of_known_layers() -> None:
    with pytest.raises(BlockError, match=r"1\.0: GELU is not among the known layers; expected one of conv, "):
        lowered(nn.Sequential(nn.ReLU(), nn.Sequential(nn.GELU())))
    with pytest.raises(BlockError, match="0: Flatten with axes 0 to -1"):
        lowered(nn.Sequential(nn.Flatten(0)))


def _blob(layers: dict, **tensors: RawTensor) -> bytes:
    return dump_module(
        "category-module", layers, {key.replace("__", "."): raw for key, raw in tensors.items()}
    )


LINEAR = {"fc": {"type": "linear", "in": 1, "out": 1, "bias": False}}
WEIGHT = RawTensor("F32", (1, 1), bytes(4))


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (_blob(LINEAR), "blob: its weights do not fit its layers: "),
        (_blob(LINEAR, fc__weight=WEIGHT, fc__bias=WEIGHT), "blob: its weights do not fit its layers: "),
        (
            _blob(LINEAR, fc__weight=RawTensor("F32", (1,), bytes(4))),
            "blob: its weights do not fit its layers: ",
        ),
        (_blob({"a": {"type": "gelu"}}), "blob: a: Input tag 'gelu' found"),
        (
            _blob({"a": {"type": "relu"}, "a.b": {"type": "relu"}}),
            "blob: layers.a.b: 'a' is a layer itself; ",
        ),
    ],
)
def test_blobs_that_contradict_themselves(blob: bytes, message: str) -> None:
    with pytest.raises(StoreError) as caught:
        load_module(blob, where="blob")
    assert str(caught.value).startswith(message)


def test_layers_with_giant_numbers_take_no_memory() -> None:
    layers = {"fc": {"type": "linear", "in": 2**31 - 1, "out": 2**20, "bias": False}}
    with pytest.raises(StoreError, match="do not fit"):
        load_module(_blob(layers, fc__weight=WEIGHT))


def test_plain_data_of_layers_is_what_a_blob_holds(module: GraphModule) -> None:
    blob = write_module("category-module", module)
    tensors = {name: raw_tensor(tensor) for name, tensor in module.state_dict().items()}
    assert dump_module("category-module", layers_data(LAYERS), tensors) == blob
