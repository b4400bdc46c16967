"""Modules of a compiled network as graphs, until all of them are. Needs torch."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from legonet.blocks.build import leaves
from legonet.blocks.registry import describe_module
from legonet.compile.build import SideBySide
from legonet.compile.network import Normalise
from legonet.errors import ExportError
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule
from legonet.ir.lowering import lower


def graph_of(module: nn.Module) -> ModelGraph:
    """The graph that a module of a compiled network computes."""
    if isinstance(module, GraphModule):
        return module.graph
    if isinstance(module, Normalise):
        steps = {
            "centred": Operation("centred", "sub.Tensor", ({"ref": INPUT}, {"tensor": "mean"}), {}),
            "scaled": Operation("scaled", "div.Tensor", ({"ref": "centred"}, {"tensor": "std"}), {}),
        }
        spec = TensorSpec(tuple(module.mean.shape), buffer=True)
        return ModelGraph(steps, "scaled", {"mean": spec, "std": spec})
    if not isinstance(module, nn.Sequential):
        raise ExportError(f"found {type(module).__name__}; expected a graph; build the module again")
    steps, tensors, below = {}, {}, INPUT
    for name, leaf in leaves(module):
        if isinstance(leaf, SideBySide):
            made = _side_by_side(name, below, len(leaf.betas))
            tensors[f"{name}.betas"] = TensorSpec((len(leaf.betas),), buffer=True)
        else:
            layer = describe_module(leaf)
            assert layer is not None  # noqa: S101 - a chain has known layers
            one = lower({name: layer})
            (step,) = one.steps.values()
            function = "relu_" if isinstance(leaf, nn.ReLU) and leaf.inplace else step.function
            made = [replace(step, function=function, arguments=({"ref": below}, *step.arguments[1:]))]
            tensors |= one.tensors
        steps |= {step.name: step for step in made}
        below = made[-1].name
    return ModelGraph(steps, below, tensors)


def _side_by_side(name: str, below: str, members: int) -> list[Operation]:
    betas = ({"tensor": f"{name}.betas"}, [members, 1, 1, 1])
    each = ({"ref": below}, 1, [members, -1])
    return [
        Operation(f"{name}.each", "unflatten.int", each, {}, name),
        Operation(f"{name}.betas", "view", betas, {}, name),
        Operation(f"{name}.mul", "mul.Tensor", ({"ref": f"{name}.each"}, {"ref": f"{name}.betas"}), {}, name),
        Operation(f"{name}.all", "flatten.using_ints", ({"ref": f"{name}.mul"}, 1, 2), {}, name),
    ]
