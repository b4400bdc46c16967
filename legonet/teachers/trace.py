"""A model that somebody wrote becomes a chain of named layers, if it is one. Needs torch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

from torch import fx, nn

from legonet.blocks.registry import KINDS, describe_module
from legonet.errors import BlockError, TeacherError
from legonet.graph.suggest import kind_of, listed
from legonet.ir.lowering import lower
from legonet.ir.notation import Layer, name_conflict
from legonet.ir.sizes import output_shape
from legonet.teachers.functions import as_module
from legonet.teachers.tracing import evaluating, line_of


def describe(module: nn.Module, input_shape: tuple[int, ...], *, where: str = "model") -> dict[str, Layer]:
    """Describe a model as a chain of layers, by tracing its forward pass symbolically.

    `build_layers` makes of the description a model that computes the same, bit for bit, with the same
    state dict. Modules keep their names; functions such as torch.flatten, and a module without weights
    that is called again, get names of their own.

    Args:
        module: Any model whose forward pass leads one tensor through known layers, one after the other.
        input_shape: Of one image: (channels, height, width).
        where: What messages call the model.

    Returns:
        Layers by name, in the order of computing; dropout and batch norm as they are in evaluation mode.

    Raises:
        TeacherError: The model is something else; names the first layer that is not known, or where the
            forward pass branches.
    """
    modules = dict(module.named_modules())
    graph = _trace(module, where)
    chain = _Chain(graph, modules, input_shape, where)
    for node in graph.nodes:
        chain.follow(node)
    layers = _named(chain.steps, set(modules))
    conflict = name_conflict(layers)
    if conflict:
        raise TeacherError(
            f"{where}.{conflict[0]}: {conflict[1]}; call the layers in the order of their nesting"
        )
    _refuse_unused(module, layers, where)
    try:
        output_shape(lower(layers), input_shape, where=where)
    except BlockError as error:
        raise TeacherError(str(error)) from error
    return layers


@dataclass(frozen=True)
class _Step:
    """A layer of the chain; one that is not fixed has no weights, so that its name is free."""

    name: str
    layer: Layer
    fixed: bool


def _trace(module: nn.Module, where: str) -> fx.Graph:
    try:
        with evaluating(module):
            return fx.Tracer().trace(module)
    except Exception as error:  # whatever a model's own code raises
        raise TeacherError(
            f"{where}: {type(module).__name__} cannot be traced{line_of(error)}: {_first_line(error)}; "
            "expected a forward pass that leads one tensor through layers, without conditions on it; "
            "rewrite it as a chain, such as nn.Sequential"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


class _Chain:
    """Follows a traced graph from its input and collects the layers."""

    def __init__(
        self, graph: fx.Graph, modules: dict[str, nn.Module], input_shape: tuple[int, ...], where: str
    ) -> None:
        self.steps: list[_Step] = []
        self._modules = modules
        self._input_shape = input_shape
        self._where = where
        self._sizes = set(_sizes(graph))
        self._batches = {node for node in self._sizes if _is_batch_size(node)}
        self._current: fx.Node | None = None
        self._called: set[str] = set()

    def follow(self, node: fx.Node) -> None:
        """Take the next node of the graph.

        Raises:
            TeacherError: It does not continue a chain of known layers.
        """
        if node in self._sizes:
            return
        if node.op == "placeholder":
            self._start(node)
        elif node.op == "output":
            self._end(node)
        else:
            self._continue(node)

    def _start(self, node: fx.Node) -> None:
        if self._current is None:
            self._current = node
            self._refuse_branch(node)
        elif node.users:
            raise self._error("", f"its forward pass takes a second input, '{node.target}'", "one tensor")

    def _end(self, node: fx.Node) -> None:
        if node.args[0] is not self._current:
            raise self._error("", f"its output is {_kind_of(node.args[0])}", "the last layer's tensor")
        if not self.steps:
            raise self._error("", "its forward pass calls no layer", "at least two layers")

    def _continue(self, node: fx.Node) -> None:
        name = str(node.target) if node.op == "call_module" else node.name
        inputs = [each for each in node.all_input_nodes if each not in self._sizes]
        if node.op == "get_attr":
            raise self._error(str(node.target), "the forward pass uses this tensor itself", "layers only")
        if inputs != [self._current]:
            found = (
                f"{_kind_of(node)} takes {listed([str(each) for each in inputs]) or 'no layer, only sizes'}"
            )
            raise self._error(name, found, "the output of the layer before, and it alone")
        if node.op == "call_module":
            self._call(name, self._modules[name])
        else:
            self._describe(name, lambda: as_module(node, self._is_batch, self._features), node, fixed=False)
        self._refuse_branch(node)
        self._current = node

    def _call(self, name: str, module: nn.Module) -> None:
        if module._forward_hooks or module._forward_pre_hooks:
            raise self._error(name, f"{type(module).__name__} has forward hooks", "layers without")
        again = name in self._called
        if again and any(True for _ in (*module.parameters(), *module.buffers())):
            raise self._error(
                name, f"{type(module).__name__} is called a second time", "each layer with weights once"
            )
        self._called.add(name)
        self._describe(name, lambda: module, module, fixed=not again)

    def _describe(
        self,
        name: str,
        make: Callable[[], nn.Module | None],
        source: fx.Node | nn.Module,
        *,
        fixed: bool,
    ) -> None:
        try:
            made = make()
            layer = None if made is None else describe_module(made)
        except ValueError as error:
            raise self._error(name, f"{_kind_of(source)} with {error}", "a layer as described") from error
        if layer is None:
            raise self._error(name, f"{_kind_of(source)} is no known layer", f"one of {', '.join(KINDS)}")
        self.steps.append(_Step(name, layer, fixed))

    def _refuse_branch(self, node: fx.Node) -> None:
        users = [user for user in node.users if user not in self._sizes]
        if len(users) > 1:
            names = [str(user.target) if user.op == "call_module" else user.name for user in users]
            name = str(node.target) if node.op in ("call_module", "placeholder") else node.name
            raise self._error(
                name, f"the forward pass branches here, to {listed(names, ' and ')}", "one chain of layers"
            )

    def _is_batch(self, value: object) -> bool:
        return value in self._batches

    def _features(self) -> int:
        layers = {str(index): step.layer for index, step in enumerate(self.steps)}
        try:
            return prod(output_shape(lower(layers), self._input_shape))
        except BlockError:
            return -1

    def _error(self, name: str, found: str, expected: str) -> TeacherError:
        place = f"{self._where}.{name}" if name else self._where
        return TeacherError(f"{place}: {found}; expected {expected}; rewrite the model as a chain of those")


def _kind_of(value: object) -> str:
    if isinstance(value, fx.Node):
        return getattr(value.target, "__name__", str(value.target))
    if isinstance(value, nn.Module):
        return type(value).__name__
    return kind_of(value)


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


def _named(steps: list[_Step], taken: set[str]) -> dict[str, Layer]:
    """Give layers whose name is free one that nests with their neighbours' names."""
    names: dict[str, Layer] = {}
    for index, step in enumerate(steps):
        name = step.name
        if not step.fixed:
            prefix = _common(_container(steps[:index][::-1]), _container(steps[index + 1 :]))
            base = name.rsplit(".", 1)[-1]
            name = prefix + base
            count = 1
            while name in names or name in taken:
                name = f"{prefix}{base}_{count}"
                count += 1
        names[name] = step.layer
    return names


def _container(steps: list[_Step]) -> list[str]:
    return next((step.name.split(".")[:-1] for step in steps if step.fixed), [])


def _common(left: list[str], right: list[str]) -> str:
    length = 0
    while length < min(len(left), len(right)) and left[length] == right[length]:
        length += 1
    return "".join(f"{part}." for part in left[:length])


def _refuse_unused(module: nn.Module, layers: dict[str, Layer], where: str) -> None:
    unused = [
        key
        for key in module.state_dict()
        if not any(key.startswith(f"{name}.") and "." not in key[len(name) + 1 :] for name in layers)
    ]
    if unused:
        raise TeacherError(
            f"{where}: the forward pass does not use {listed(unused)}; expected a model whose weights all "
            "take part in its output; remove the modules that do not"
        )
