"""The notation of a model in code that is a chain of known layers. Needs torch.

torch.fx reads it, although torch.export traces every other model: an exported graph has neither the layers
that do nothing in evaluation nor the names of the functions that were called, and hashes are made of both.
It also takes 0.01 s instead of 0.3 s for a small chain. In either case
`legonet.teachers.tracing.verify` compares the model with its graph afterwards.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from torch import fx, nn

from legonet.blocks.registry import describe_module
from legonet.errors import BlockError
from legonet.ir.lowering import lower
from legonet.ir.notation import Layer, Layers, name_conflict
from legonet.ir.sizes import output_shape
from legonet.teachers.tracing.evaluation import adds_to_forward, evaluating
from legonet.teachers.tracing.layer_functions import as_module


def chain_of(module: nn.Module, input_shape: tuple[int, ...]) -> dict[str, Layer] | None:
    """Describe a model as a chain of layers, by tracing its forward pass symbolically.

    `build_layers` makes of the description a model that computes the same, bit for bit, with the same
    state dict. Modules keep their names; functions such as torch.flatten, and a module without weights
    that is called again, get names of their own.

    Args:
        module: Any model.
        input_shape: The shape of one image: (channels, height, width).

    Returns:
        Layers by name, in the order of computing; dropout and batch norm as they are in evaluation mode.
        None if the forward pass does not lead one tensor through known layers, one after the other, leaves
        weights unused, or has hooks or the like, which the layers would not have.
    """
    if adds_to_forward(module):
        return None
    try:
        with evaluating(module):
            graph = fx.Tracer().trace(module)
    except Exception:  # whatever a model's own code raises
        return None
    modules = dict(module.named_modules())
    layers = _named(_Chain(graph, modules, input_shape).steps(), set(modules))
    if not layers or name_conflict(layers) or not _used(module, layers):
        return None
    return None if _features(layers, input_shape) is None else layers


@dataclass(frozen=True)
class _Step:
    """A layer of the chain; one that is not fixed has no weights, so that its name is free."""

    name: str
    layer: Layer
    fixed: bool


class _Chain:
    """Follows a traced graph from its input to its output."""

    def __init__(self, graph: fx.Graph, modules: dict[str, nn.Module], input_shape: tuple[int, ...]) -> None:
        self._graph, self._modules, self._input_shape = graph, modules, input_shape
        self._sizes = set(_sizes(graph))
        self._steps: list[_Step] = []
        self._called: set[str] = set()

    def steps(self) -> list[_Step]:
        """The layers in order; none if the graph is no chain of known layers."""
        current: fx.Node | None = None
        for node in self._graph.nodes:
            if node in self._sizes:
                continue
            if node.op == "output":
                return self._steps if node.args[0] is current else []
            if node.op == "placeholder":
                if current is not None and node.users:
                    return []
                current = current or node
                continue
            step = self._step(node) if self._inputs(node) == [current] else None
            if step is None:
                return []
            self._steps.append(step)
            current = node
        return []

    def _inputs(self, node: fx.Node) -> list[fx.Node]:
        return [each for each in node.all_input_nodes if each not in self._sizes]

    def _step(self, node: fx.Node) -> _Step | None:
        is_module = node.op == "call_module"
        name = str(node.target) if is_module else node.name
        first = is_module and name not in self._called
        try:
            made = self._module(name, first) if is_module else self._function(node)
            layer = None if made is None else describe_module(made)
        except ValueError:  # a known layer with an option that no notation has
            return None
        return None if layer is None else _Step(name, layer, first)

    def _module(self, name: str, first: bool) -> nn.Module | None:
        module = self._modules[name]
        self._called.add(name)
        return module if first or not [*module.parameters(), *module.buffers()] else None

    def _function(self, node: fx.Node) -> nn.Module | None:
        return as_module(
            node,
            lambda value: isinstance(value, fx.Node) and _is_batch_size(value),
            lambda: _features({str(n): step.layer for n, step in enumerate(self._steps)}, self._input_shape),
        )


def _features(layers: Layers, input_shape: tuple[int, ...]) -> int | None:
    """How many numbers a chain gives for one image; None if its layers do not fit each other."""
    try:
        return prod(output_shape(lower(layers), input_shape))
    except BlockError:
        return None


def _sizes(graph: fx.Graph) -> Iterator[fx.Node]:
    """Find the nodes that read a tensor's shape, and those that take parts of it."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        is_size = node.op == "call_method" and node.target in ("size", "dim")
        is_shape = node.op == "call_function" and node.target is getattr and node.args[1:] == ("shape",)
        is_part = node.op == "call_function" and node.target is operator.getitem and node.args[0] in found
        if is_size or is_shape or is_part:
            found.add(node)
            yield node


def _is_batch_size(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target == "size" and (*node.args[1:], *node.kwargs.values()) == (0,)
    return node.target is operator.getitem and bool(node.args[1] == 0)


def _named(steps: Sequence[_Step], taken: set[str]) -> dict[str, Layer]:
    """Give layers whose name is free one that nests with their neighbours' names."""
    names: dict[str, Layer] = {}
    for index, step in enumerate(steps):
        name = step.name
        if not step.fixed:
            prefix = _common(_container(steps[:index][::-1]), _container(steps[index + 1 :]))
            base = prefix + name.rsplit(".", 1)[-1]
            name, count = base, 1
            while name in names or name in taken:
                name, count = f"{base}_{count}", count + 1
        names[name] = step.layer
    return names


def _container(steps: Sequence[_Step]) -> list[str]:
    return next((step.name.split(".")[:-1] for step in steps if step.fixed), [])


def _common(left: list[str], right: list[str]) -> str:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return "".join(f"{part}." for part in left[:length])


def _used(module: nn.Module, layers: Layers) -> bool:
    """Whether the layers have all tensors of the model."""
    return all(key.rpartition(".")[0] in layers for key in module.state_dict())
