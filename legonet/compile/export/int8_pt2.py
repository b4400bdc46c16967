"""torch.export's format with weights of 8 bits, which are turned to float32 where they are used.

They are rounded as in ONNX; see `legonet.compile.export.int8`. torchao rounds `nn.Linear` alone.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from legonet.compile.export.int8 import LEAST, STEPS
from legonet.compile.export.pt2 import CARD, save, sizes
from legonet.errors import ExportError
from legonet.ir.untold import untold

AXES = {
    "conv1d": (1, 0),
    "conv2d": (1, 0),
    "conv3d": (1, 0),
    "convolution": (1, 0),
    "conv_transpose2d": (1, 1),
    "linear": (1, 0),
    "matmul": (1, -1),
    "mm": (1, -1),
    "addmm": (2, -1),
}
"""Which argument the weight is, and its axis of output channels, by operation."""


def write_int8_pt2(plain: Path, path: Path) -> None:
    """Write it, and check that it computes what its rounded weights give.

    Args:
        plain: The network as plain .pt2.
        path: What is written.

    Raises:
        ExportError: It does not.
    """
    extra = {CARD: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of its formats to come
        program = torch.export.load(plain, extra_files=extra)
        module, rounded = program.module(), program.module()
        for name, axis in _weights(module):
            _store(module, rounded, name, axis)
        for node in list(module.graph.nodes):
            if node.target is torch.ops.aten.detach_.default:  # of constants; it is not traced again
                node.replace_all_uses_with(node.args[0])
                module.graph.erase_node(node)
        module.graph.lint()
        module.recompile()
        (name,) = program.graph_signature.user_inputs
        (given,) = (each.meta["val"] for each in program.graph.nodes if each.name == name)
        (images,), _ = cast("tuple[tuple[Tensor], Any]", program.example_inputs)
        with torch.no_grad(), untold():
            open_size = isinstance(given.shape[2], torch.SymInt)
            again = torch.export.export(module, (images,), dynamic_shapes=(sizes(open_size),))
        save(again, path, extra[CARD])
        images = torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            found, wanted = torch.export.load(path).module()(images), rounded(images)
    names = list(json.loads(extra[CARD])["outputs"])
    for name, one, other in zip(names, _values(found), _values(wanted), strict=True):
        if not torch.allclose(one, other, rtol=1e-5, atol=1e-5 * float(other.abs().max())):
            raise ExportError(
                f"{path.name}: the outputs of {name} are not those of its weights, rounded to 8 bits; "
                "expected the same; leave int8 out, and report it"
            )


def _values(outputs: Any) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs.values())


def _weights(module: fx.GraphModule) -> Iterator[tuple[str, int]]:
    """Weights that all their users take alike, each with its axis of output channels."""
    axes: dict[str, set[int | None]] = {}
    for node in module.graph.nodes:
        for used in node.all_input_nodes:
            if used.op == "get_attr":
                place, axis = AXES.get(getattr(node.target, "__name__", "").partition(".")[0], (0, 0))
                fits = place and node.args[place] is used and list(node.args).count(used) == 1
                axes.setdefault(used.target, set()).add(axis if fits else None)
    for name, taken in axes.items():
        value = _of(module, name)
        worth = isinstance(value, Tensor) and value.dtype is torch.float32 and value.ndim > 1
        if worth and value.numel() >= LEAST and len(taken) == 1 and (axis := next(iter(taken))) is not None:
            yield name, axis % value.ndim


def _of(module: nn.Module, name: str) -> Any:
    folder, _, last = name.rpartition(".")
    return getattr(module.get_submodule(folder), last, None)


def _store(module: fx.GraphModule, rounded: fx.GraphModule, name: str, axis: int) -> None:
    """Put whole numbers and their steps in a weight's place, and into the other module what these give."""
    folder, _, last = name.rpartition(".")
    weight = _of(module, name).detach()
    others = [each for each in range(weight.ndim) if each != axis]
    step = weight.abs().amax(others, keepdim=True) / STEPS
    step[step == 0] = 1
    whole = (weight / step).round().clamp(-STEPS, STEPS).to(torch.int8)
    place = module.get_submodule(folder)
    delattr(place, last)
    for end, value in (("int8", whole), ("step", step)):
        place.register_buffer(f"{last}_{end}", value)
    setattr(rounded.get_submodule(folder), last, nn.Parameter(whole.float() * step, requires_grad=False))
    prefix = f"{folder}." if folder else ""
    for node in [each for each in module.graph.nodes if each.op == "get_attr" and each.target == name]:
        with module.graph.inserting_before(node):
            stored = module.graph.get_attr(f"{prefix}{last}_int8")
            steps = module.graph.get_attr(f"{prefix}{last}_step")
            plain = module.graph.call_function(torch.ops.aten.to.dtype, (stored, torch.float32))
            product = module.graph.call_function(torch.ops.aten.mul.Tensor, (plain, steps))
        node.replace_all_uses_with(product)
        module.graph.erase_node(node)
