"""Addresses of modules and keys of adapters are those that legonet 0.1 gave before models became graphs.

They may never change: a key that does is an adapter that everybody who has one must fit again.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

import legonet
from legonet.blocks.schema import Block
from legonet.run.prepare import lock_teachers
from legonet.teachers.cutting import block_cut
from legonet.teachers.weights.parts import read_teacher

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "addresses.json").read_text(encoding="utf-8"))

CHAIN: dict[str, Any] = {
    "low.0": {
        "type": "conv",
        "in": 4,
        "out": 6,
        "kernel": [3, 1],
        "stride": 2,
        "padding": [1, 0],
        "groups": 2,
    },
    "low.1": {"type": "batch-norm", "channels": 6, "epsilon": 0.001},
    "low.2": {"type": "relu"},
    "low.3": {"type": "conv-transpose", "in": 6, "out": 3, "kernel": 2, "stride": 2, "bias": False},
    "norm": {"type": "batch-norm", "channels": 3, "affine": False},
    "max": {"type": "max-pool", "kernel": 3, "stride": 2, "padding": 1, "ceil": True},
    "mean": {"type": "avg-pool", "kernel": 2, "count-padding": False},
    "small": {"type": "adaptive-avg-pool", "size": [2, 3]},
    "large": {"type": "upsample", "scale": 2, "mode": "nearest"},
    "larger": {"type": "upsample", "size": [5, 7]},
    "scale": {"type": "rescale"},
    "same": {"type": "identity"},
    "maps": {"type": "dropout", "channels": True},
    "flat": {"type": "flatten"},
    "drop": {"type": "dropout", "probability": 0.25},
    "head": {"type": "linear", "in": 105, "out": 2},
}
CHAIN_TENSORS = {
    "low.0.weight": (6, 2, 3, 1),
    "low.0.bias": (6,),
    **{f"low.1.{name}": (6,) for name in ("weight", "bias", "running_mean", "running_var")},
    "low.1.num_batches_tracked": (),
    "low.3.weight": (6, 3, 2, 2),
    **{f"norm.{name}": (3,) for name in ("running_mean", "running_var")},
    "norm.num_batches_tracked": (),
    "scale.beta": (),
    "head.weight": (2, 105),
    "head.bias": (2,),
}
GRAPH: dict[str, Any] = {
    "steps": [
        {"name": "stem", "op": "conv2d", "args": [{"ref": "input"}, {"tensor": "stem.weight"}]},
        {"name": "block.relu", "op": "relu", "args": [{"ref": "stem"}]},
        {
            "name": "block.add",
            "op": "add.Tensor",
            "args": [{"ref": "stem"}, {"ref": "block.relu"}],
            "kwargs": {"alpha": 2},
            "module": "block",
        },
        {"name": "mean", "op": "mean.dim", "args": [{"ref": "block.add"}, [2, 3]], "module": ""},
        {
            "name": "fc",
            "op": "linear",
            "args": [{"ref": "mean"}, {"tensor": "fc.weight"}, {"tensor": "table"}],
        },
    ],
    "output": "fc",
    "tensors": {
        "stem.weight": {"shape": [3, 4, 1, 1]},
        "fc.weight": {"shape": [2, 3]},
        "table": {"shape": [2], "buffer": True},
    },
}
GRAPH_TENSORS = {name: tuple(spec["shape"]) for name, spec in GRAPH["tensors"].items()}


def weights(tensors: dict[str, tuple[int, ...]]) -> bytes:
    return save({name: _numbers(name, shape) for name, shape in tensors.items()})


def _numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.array(7, np.int64)
    return ((np.arange(math.prod(shape)) - 5) / 8).astype(np.float32).reshape(shape)


def parts(cut: str, tensors: dict[str, tuple[int, ...]], **architecture: Any) -> dict[str, str]:
    block = Block.model_validate({"legonet-block": 1, "name": "b", "input": [4, 16, 16], **architecture})
    found = read_teacher(block_cut(block, cut, "block"), weights(tensors))
    return {"f": found.f_sha, "g": found.g_sha}


def test_a_chain_of_every_layer() -> None:
    assert parts("norm", CHAIN_TENSORS, layers=CHAIN) == GOLDEN["chain"]


def test_a_graph_of_operations() -> None:
    assert parts("block", GRAPH_TENSORS, operations=GRAPH) == GOLDEN["graph"]


def test_the_animals() -> None:
    network = legonet.load(ROOT / "graphs" / "animals.yaml")
    teachers = lock_teachers(network._sources, network.lock)
    assert {name: each.model_dump() for name, each in teachers.items()} == GOLDEN["teachers"]
    assert {edge.path: edge.key for edge in network.plan() if edge.key} == GOLDEN["adapters"]
