"""A graph of operations becomes an nn.Module that computes it. Needs torch.

The module calls the very functions that the original model called, so that its output is the same bit for
bit; its state dict has the original's names. It needs neither the original's class nor its code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from legonet.errors import BlockError, ComputeError, LegonetError, first_line
from legonet.ir.functions import expect_arguments, function_of
from legonet.ir.graph import INPUT, UNLIKELY, ModelGraph, Operation
from legonet.ir.recurrence import shaped
from legonet.ops.table import ROWS, is_placed

_SHOWN = 8  # operations that a module's text names

Observe = Callable[[Operation, list[Any], dict[str, Any]], None]


_ATTRIBUTES = frozenset([*nn.Module().__dict__, "graph", "_owners", "_places", "_calls"])
"""What a module has itself, beside its tensors and modules."""


class Holder(nn.Module):
    """Holds tensors and modules by any names, those that a module has itself too, such as `training`."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep tensors and modules of such names from taking the place of what a module needs itself."""
        if name not in _ATTRIBUTES:
            super().__setattr__(name, value)
        elif isinstance(value, nn.Parameter):
            self._parameters[name] = value
        elif isinstance(value, Tensor):
            self._buffers[name] = value
        else:
            object.__setattr__(self, name, value)


class GraphModule(Holder):
    """A model that computes a graph of operations.

    Args:
        graph: The model.
        device: Where its tensors are made, with values of no meaning; "meta" makes none.

    Attributes:
        graph: The model.
    """

    def __init__(self, graph: ModelGraph, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.graph = graph
        for name, spec in graph.tensors.items():
            tensor = torch.empty(spec.shape, dtype=getattr(torch, spec.dtype), device=device)
            _register(self, name, tensor, spec.buffer)
        self._prepare()

    def _prepare(self) -> None:
        """Look up once what every run needs."""
        # A view, into which torch.export does not look: it would leave a copy with tensors of its own.
        self._owners = MappingProxyType({name: _owner(self, name) for name in self.graph.tensors})
        self._places = {name: number for number, name in enumerate((INPUT, *self.graph.steps))}
        frees = _frees(self.graph)
        self._calls = [
            (self._call(step), [self._places[name] for name in frees.get(step.name, ())])
            for step in self.graph.steps.values()
        ]

    def __getstate__(self) -> dict[str, Any]:
        """All but what `_prepare` finds again."""
        found = {"_owners", "_places", "_calls"}
        return {name: value for name, value in self.__dict__.items() if name not in found}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._prepare()

    def __repr__(self) -> str:
        steps = [f"{step.name}: {step.function}" for step in self.graph.steps.values()]
        shown = [*steps[:_SHOWN], f"… {len(steps) - _SHOWN} more"] if len(steps) > _SHOWN else steps
        return f"{type(self).__name__}({', '.join(shown)})"

    def tensor(self, name: str) -> Tensor:
        """A tensor by its name in the state dict."""
        held, last = self._owners[name]
        return held[last]

    def forward(self, features: Tensor) -> Tensor:
        """Compute the model's output, (batch, …), from (batch, …)."""
        return self.run(features)

    def run(self, features: Tensor, observe: Observe | None = None) -> Tensor:
        """Compute the output.

        Args:
            features: (batch, …).
            observe: Called with each operation and its arguments, before it is computed.

        Raises:
            ComputeError: Torch does not compute one of the operations: what their shapes tell is not all.
        """
        values: list[Any] = [None] * (len(self._calls) + 1)
        values[0], place = features, 0
        try:
            for place, (call, frees) in enumerate(self._calls, 1):
                values[place] = call(values, observe)
                for free in frees:
                    values[free] = None
        except (torch.OutOfMemoryError, LegonetError):
            raise
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            step = list(self.graph.steps.values())[place - 1]
            raise ComputeError(
                f"{step.name}: {step.function} cannot be computed: {first_line(error)}; expected an "
                "operation as `legonet teacher add` writes it; bring the model in again"
            ) from error
        return values[self._places[self.graph.output]]

    def _call(self, step: Operation) -> Callable[[list[Any], Observe | None], Any]:
        """A step that looks nothing up by name: from the results so far to its own."""
        expect_arguments(step)
        function, placed = shaped(step.function, function_of(step.function)), is_placed(step.function)
        fixed, refs, tensors, nested = self._sorted(step.arguments)
        keywords = dict(step.keywords)

        def call(values: list[Any], observe: Observe | None) -> Any:
            arguments = fixed.copy()
            for position, place in refs:
                arguments[position] = values[place]
            for position, held, name in tensors:
                arguments[position] = held[name]
            for position, value in nested:
                arguments[position] = self._resolved(value, values)
            if not keywords and not placed:
                if observe is not None:
                    observe(step, arguments, {})
                return function(*arguments)
            named = {key: self._resolved(value, values) for key, value in keywords.items()}
            if placed:
                named["device"] = values[0].device
            if observe is not None:
                observe(step, arguments, named)
            return function(*arguments, **named)

        return call

    def _sorted(self, given: tuple[Any, ...]) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        """Arguments that are fixed, and those that are results, tensors, or hold some or the batch's size."""
        fixed, refs, tensors, nested = list(given), [], [], []
        for position, value in enumerate(given):
            match value:
                case {"ref": name}:
                    refs.append((position, self._places[name]))
                case {"tensor": name}:
                    tensors.append((position, *self._owners[name]))
                case dict() | list() if not _is_fixed(value):
                    nested.append((position, value))
                case dict():
                    fixed[position] = constant(value)
                case list():
                    fixed[position] = [constant(each) for each in value]
        return fixed, refs, tensors, nested

    def _resolved(self, value: Any, values: list[Any]) -> Any:
        """An argument whose results are in a list, by place."""
        return self.resolve(value, lambda name: values[self._places[name]], values[0])

    def resolve(self, value: Any, known: Callable[[str], Any], features: Any) -> Any:
        """An argument's value.

        Args:
            value: The argument, as a graph writes it.
            known: Gives a result by its name.
            features: The input, for the batch's size.
        """
        if isinstance(value, list | tuple):
            return [self.resolve(each, known, features) for each in value]
        if not isinstance(value, Mapping):
            return value
        ((mark, content),) = value.items()
        if mark == "ref":
            return known(content)
        if mark == "tensor":
            return self.tensor(content)
        if mark == "batch":
            return features.shape[0] * content
        return constant(value)


def _is_fixed(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not value.keys() & {"ref", "tensor", "batch"}
    return all(map(_is_fixed, value)) if isinstance(value, list | tuple) else True


def constant(value: Any) -> Any:
    """An argument that depends on nothing."""
    if isinstance(value, list | tuple):
        return [constant(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    ((mark, content),) = value.items()
    return getattr(torch, content) if mark == "dtype" else float("inf") * content


def build_graph(graph: ModelGraph, device: torch.device | str = "cpu") -> GraphModule:
    """Make the module of a graph of operations, in evaluation mode; its values have no meaning yet.

    Raises:
        BlockError: Its tensors or operations are none that torch can have.
    """
    try:
        return GraphModule(graph, device).eval()
    except BlockError:
        raise
    except Exception as error:  # of torch, which raises anything
        raise BlockError(
            f"the model cannot be built: {first_line(error)}; expected operations as `legonet teacher add` "
            "writes them; bring the model in again"
        ) from error


def result_shapes(graph: ModelGraph, input_shape: tuple[int, ...], where: str) -> dict[str, tuple[int, ...]]:
    """Find the shapes of all results that are tensors with the batch as first axis, without it.

    Nothing is computed: the operations run on torch's meta device. `legonet.ir.sizes` needs no torch where
    arithmetic suffices.

    Raises:
        BlockError: The operations cannot take an input of this shape.
    """
    model = sketched(graph)
    values: dict[str, Any] = {}
    shapes: dict[str, tuple[int, ...]] = {INPUT: tuple(input_shape)}
    with torch.no_grad():
        try:
            values[INPUT] = torch.empty((UNLIKELY, *input_shape), device="meta")
        except RuntimeError as error:
            raise BlockError(
                f"{where}: {first_line(error)}; expected images that fit into memory; choose a smaller input"
            ) from error
        for step in model.graph.steps.values():
            function, features = bound(step, "meta"), values[INPUT]
            arguments = [model.resolve(each, values.__getitem__, features) for each in step.arguments]
            keywords = {
                key: model.resolve(each, values.__getitem__, features) for key, each in step.keywords.items()
            }
            try:
                value = function(*arguments, **keywords)
            except Exception as error:  # torch has meta rules in Python, which raise anything
                raise BlockError(
                    f"{where}.{step.name}: {step.function} cannot take its input: {first_line(error)}; "
                    f"expected a model traced with images like these, {input_shape}; choose its input's "
                    "shape, or trace it again"
                ) from error
            values[step.name] = value
            if isinstance(value, Tensor) and value.ndim and value.shape[0] == UNLIKELY:
                shapes[step.name] = tuple(value.shape[1:])
    if graph.output not in shapes:
        raise BlockError(
            f"{where}: its output has no axis for the batch; expected (batch, …); choose another cut"
        )
    return shapes


def bound(step: Operation, device: torch.device | str) -> Callable[..., Any]:
    """The function of a step; what makes a tensor of its own makes it on the device."""
    function = shaped(step.function, function_of(step.function))
    return partial(function, device=device) if is_placed(step.function) else function


def sketched(graph: ModelGraph) -> GraphModule:
    """A model on the meta device, for its shapes and costs: its views ask for no order of memory.

    The meta device puts what some operations give into another order than processors do.
    """
    free = {
        name: replace(step, function=(row and row.any_layout) or step.function)
        for name, step in graph.steps.items()
        for row in [ROWS.get(step.function)]  # none of a form that overwrites
    }
    return build_graph(replace(graph, steps=free), "meta")


def part(module: GraphModule, graph: ModelGraph) -> GraphModule:
    """A part of a model as a module of its own, with the very tensors of the whole."""
    made = build_graph(graph, "meta")
    for name in graph.tensors:
        (own, last), (held, key) = made._owners[name], module._owners[name]
        own[last] = held[key]
    return made


def _frees(graph: ModelGraph) -> dict[str, list[str]]:
    """After which step which results are no longer needed."""
    frees: dict[str, list[str]] = {}
    for name, last in graph.last_uses().items():
        if name not in (graph.output, INPUT):
            frees.setdefault(last, []).append(name)
    return frees


def _register(root: nn.Module, name: str, tensor: Tensor, buffer: bool) -> None:
    """Put a tensor at its nested name. Unlike add_module, names such as `type` are taken as they are."""
    *prefixes, last = name.split(".")
    owner = root
    for prefix in prefixes:
        child = owner._modules.get(prefix)
        if child is None:
            child = owner._modules[prefix] = Holder()
        owner = child
    if buffer or not tensor.is_floating_point():
        owner._buffers[last] = tensor
    else:
        owner._parameters[last] = nn.Parameter(tensor, requires_grad=False)


def _owner(root: nn.Module, name: str) -> tuple[dict[str, Any], str]:
    """The dictionary that holds a tensor, and its key there."""
    *prefixes, last = name.split(".")
    owner: Any = root
    for prefix in prefixes:
        owner = owner._modules[prefix]
    return (owner._parameters if last in owner._parameters else owner._buffers), last
