"""Module blobs: the same module, the same bytes; nothing else is taken for one."""

from __future__ import annotations

import pytest
import safetensors.torch
import torch

from legonet.errors import StoreError
from legonet.store.blobs import sha256
from legonet.store.modules import dump_module, parse_module
from legonet.store.tensors import RawTensor, write_tensors

LAYERS = {
    "conv": {"type": "conv", "in": 1, "out": 1, "kernel": 1, "bias": False},
    "act": {"type": "relu"},
}
TENSORS = {"conv.weight": RawTensor("F32", (1, 1, 1, 1), b"\x00\x00\x80\x3f")}
BLOB = dump_module("category-module", LAYERS, TENSORS)


def test_it_is_read_again() -> None:
    module = parse_module(BLOB)
    assert module.kind == "category-module"
    assert module.layers == LAYERS
    assert list(module.layers) == list(LAYERS)
    assert bytes(module.tensors["conv.weight"].data) == TENSORS["conv.weight"].data


def test_its_bytes_are_those_of_every_version() -> None:
    """Addresses stand in lock files: a change here makes everybody's network be built again."""
    assert sha256(BLOB) == "4da0015b49df0ca69a9675c0dc0c94ab4b0c0393a6618e6fc1ecd79192046240"


def test_the_order_of_keys_and_tensors_changes_nothing_but_the_order_of_layers_does() -> None:
    layers = {name: dict(reversed(layer.items())) for name, layer in LAYERS.items()}
    assert dump_module("category-module", layers, TENSORS) == BLOB
    assert dump_module("category-module", dict(reversed(LAYERS.items())), TENSORS) != BLOB
    assert dump_module("task-module", LAYERS, TENSORS) != BLOB
    two = {"b": TENSORS["conv.weight"], "a": TENSORS["conv.weight"]}
    assert dump_module("adapter", LAYERS, two) == dump_module("adapter", LAYERS, dict(sorted(two.items())))


def test_it_is_a_safetensors_file_for_others() -> None:
    assert torch.equal(safetensors.torch.load(BLOB)["conv.weight"], torch.ones(1, 1, 1, 1))


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"other": "{}"},
        {"legonet": "nonsense"},
        {"legonet": "3"},
        {"legonet": "{}"},
        {"legonet": '{"kind": "category-module"}'},
        {"legonet": '{"kind": "category-module", "layers": []}'},
        {"legonet": '{"kind": "teacher", "layers": {}}'},
        {"legonet": '{"kind": ["adapter"], "layers": {}}'},
        {"legonet": '{"kind": "adapter", "layers": {}}', "format": "pt"},
        {"legonet": "[" * 100_000},
    ],
)
def test_other_safetensors_files_are_no_modules(metadata: dict[str, str]) -> None:
    with pytest.raises(StoreError, match=r"^blob: a safetensors file, but no module of legonet"):
        parse_module(write_tensors(TENSORS, metadata), "blob")


def test_a_blob_cut_short() -> None:
    with pytest.raises(StoreError, match="cut short"):
        parse_module(BLOB[:-1])
