"""ONNX with weights of 8 bits, which are turned to float32 when it is opened. Needs the extra `export`.

A weight w of an output channel is stored as round(w / s), with s = max|w| / 127 of its channel. What is
computed stays float32: onnxruntime folds the products as it opens the file, which is as fast as without.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from legonet.compile.export.onnx import CARD, load_onnx
from legonet.errors import ExportError

LEAST = 1024  # numbers of a weight that is worth it
STEPS = 127
AXES = {"Conv": 0, "ConvTranspose": 1, "Gemm": 1, "MatMul": -1}
"""The axis of output channels in the second input, by operation."""


def write_int8(plain: Path, path: Path) -> None:
    """Write it, and check that it computes what its rounded weights give.

    Args:
        plain: The network as plain ONNX.
        path: What is written.

    Raises:
        ExportError: It does not.
    """
    onnx: Any = importlib.import_module("onnx")
    model, rounded = onnx.load(plain), onnx.load(plain)
    for name, axis in _weights(model).items():
        _store(onnx, model, rounded, name, axis)
    onnx.save(model, path)
    beside = path.with_name(f"rounded.{path.name}")
    try:
        onnx.save(rounded, beside)
        shape = json.loads(next(each.value for each in model.metadata_props if each.key == CARD))["input"]
        images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
        found, wanted = load_onnx(path)(images), load_onnx(beside)(images)
    finally:
        beside.unlink(missing_ok=True)
    for name, value in wanted.items():
        if not torch.allclose(found[name], value, rtol=1e-5, atol=1e-5 * float(value.abs().max())):
            raise ExportError(
                f"{path.name}: the outputs of {name} are not those of its weights, rounded to 8 bits; "
                "expected the same; leave int8 out, and report it"
            )


def _weights(model: Any) -> dict[str, int]:
    """The axis of output channels of each weight that all its users take alike."""
    axes: dict[str, set[int | None]] = {}
    for node in model.graph.node:
        transposed = any(each.name == "transB" and each.i for each in node.attribute)
        axis = 0 if node.op_type == "Gemm" and transposed else AXES.get(node.op_type)
        for place, name in enumerate(node.input):
            axes.setdefault(name, set()).add(axis if place == 1 else None)
    found = {}
    for each in model.graph.initializer:
        taken = axes.get(each.name, set())
        if len(each.dims) > 1 and np.prod(each.dims) >= LEAST and len(taken) == 1:
            (axis,) = taken
            if axis is not None and each.data_type == 1:  # float32
                found[each.name] = axis % len(each.dims)
    return found


def _store(onnx: Any, model: Any, rounded: Any, name: str, axis: int) -> None:
    """Put whole numbers and their steps in a weight's place, and into the other model what these give."""
    helper = onnx.numpy_helper
    (old,) = [each for each in model.graph.initializer if each.name == name]
    weight = helper.to_array(old)
    others = tuple(each for each in range(weight.ndim) if each != axis)
    step = np.abs(weight).max(others, keepdims=True).astype(np.float32) / STEPS
    step[step == 0] = 1
    whole = np.clip(np.round(weight / step), -STEPS, STEPS).astype(np.int8)
    model.graph.initializer.remove(old)
    model.graph.initializer.append(helper.from_array(whole, f"{name}.int8"))
    model.graph.initializer.append(helper.from_array(step, f"{name}.step"))
    cast = onnx.helper.make_node("Cast", [f"{name}.int8"], [f"{name}.whole"], to=onnx.TensorProto.FLOAT)
    product = onnx.helper.make_node("Mul", [f"{name}.whole", f"{name}.step"], [name])
    model.graph.node.insert(0, product)
    model.graph.node.insert(0, cast)
    for each in rounded.graph.initializer:
        if each.name == name:
            each.CopyFrom(helper.from_array(whole.astype(np.float32) * step, name))
