"""The modules of a model, found again in its graph of operations. Needs torch.

Each operation says which module called it. Operations of one module that follow each other become a module of
model.py: what they take from outside are its inputs, what others take from them its outputs. A module that
is called several times with the same weights is one that is called several times. Where that cannot be, such
as where its operations lie apart or its weights serve another module too, its operations are its parent's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from legonet.compile.export.layers import layer_of
from legonet.ir.cuts import needed
from legonet.ir.graph import INPUT, ModelGraph, Operation, Shape
from legonet.ops.layers import Layer
from legonet.ops.table import is_placed

Path = tuple[str, ...]


@dataclass(frozen=True)
class Module:
    """A module of model.py.

    Attributes:
        path: The place in the original model; empty for the whole.
        body: Its own operations and calls of modules inside it, in order.
        inputs: The results that it takes from outside, in the order of their first use.
        outputs: The results that are taken outside, in order.
        layer: What it is, if it is a layer of torch.nn.
        batch: The number of the input whose first axis is the batch, where its own operations need that.
        device: The number of an input that is a tensor, where its own operations make tensors.
    """

    path: str
    body: tuple[Operation | Inner, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layer: Layer | None = None
    batch: int | None = None
    device: int | None = None

    @property
    def operations(self) -> list[Operation]:
        """Its own operations, without those of modules inside it."""
        return [each for each in self.body if isinstance(each, Operation)]

    @cached_property
    def inner(self) -> dict[str, Module]:
        """The modules inside it, by name."""
        return {each.name: each.module for each in self.body if isinstance(each, Inner)}

    @cached_property
    def is_chain(self) -> bool:
        """Whether it only hands on the one tensor that each module inside it gives to the next."""
        calls = [each for each in self.body if isinstance(each, Inner)]
        if len(calls) != len(self.body) or len(self.inner) != len(calls):
            return False
        values = [self.inputs, *(each.results for each in calls)]
        if any(len(each) != 1 for each in values[:-1]):  # which nn.Sequential cannot hand on
            return False
        return [each.arguments for each in calls] == values[:-1] and values[-1] == self.outputs

    @cached_property
    def content(self) -> str:
        """What tells whether two modules compute the same with the same tensors."""
        places = {name: number for number, name in enumerate(self.inputs)}
        said: list[Any] = []
        for each in self.body:
            if isinstance(each, Inner):
                said.append((each.name, each.module.content, [places[name] for name in each.arguments]))
                places |= {name: len(places) + number for number, name in enumerate(each.results)}
            else:
                said.append((each.function, _placed(each.arguments, places), _placed(each.keywords, places)))
                places[each.name] = len(places)
        return repr((said, [places[name] for name in self.outputs], self.batch, self.device))


@dataclass(frozen=True)
class Inner:
    """A call of a module by the one around it.

    Attributes:
        name: The module's name within the one around it.
        module: The module.
        arguments: Results that it takes.
        results: Results that it gives.
    """

    name: str
    module: Module
    arguments: tuple[str, ...]
    results: tuple[str, ...]


def modules_of(
    graph: ModelGraph, state: Mapping[str, Tensor], shapes: Mapping[str, Shape], batch: int
) -> Module:
    """Find the modules of a model.

    Args:
        graph: The model.
        state: The model's tensors.
        shapes: The shapes of the results that are tensors, the batch included.
        batch: The size of the batch in these shapes; no other axis has it.
    """
    return _Finder(graph, state, shapes, batch).whole()


_Call = tuple[int, Module]
"""A call of a module: how many operations it is, and the module that these are."""


class _Finder:
    def __init__(
        self, graph: ModelGraph, state: Mapping[str, Tensor], shapes: Mapping[str, Shape], batch: int
    ) -> None:
        self._graph, self._shapes, self._batch = graph, shapes, batch
        self._steps = [graph.steps[name] for name in needed(graph, graph.output)]
        self._layers = {step.name: layer_of(step, state, shapes) for step in self._steps}
        self._takers: dict[str, set[str]] = {graph.output: {""}}
        self._users: dict[str, set[str]] = {}
        for step in self._steps:
            for name in step.references():
                self._takers.setdefault(name, set()).add(step.name)
            for name in step.tensors():
                self._users.setdefault(name, set()).add(step.name)
        self._paths = {step.name: self._path(step) for step in self._steps}

    def whole(self) -> Module:
        return self._module(self._steps, ())

    def _path(self, step: Operation) -> Path:
        """The module of an operation: the layer whose weights it takes, or else the one that calls it."""
        layer = self._layers[step.name]
        inside = layer is not None and layer.owner and f"{layer.owner}.".startswith(_dotted(step.module))
        path = layer.owner if layer is not None and inside else step.module
        return tuple(path.split(".")) if path else ()

    def _module(self, steps: Sequence[Operation], path: Path) -> Module:
        """The module of some operations that follow each other."""
        while True:
            made: dict[str, list[_Call]] = {}
            for name, runs in self._runs(steps, len(path)).items():
                found = self._inner(runs, (*path, name))
                if found is None:
                    self._dissolve(steps, path, name)
                    break
                made[name] = found
            else:
                return self._joined(steps, path, made)

    def _runs(self, steps: Sequence[Operation], depth: int) -> dict[str, list[list[Operation]]]:
        """By module inside, its operations in pieces that follow each other."""
        runs: dict[str, list[list[Operation]]] = {}
        before = None
        for step in steps:
            inside = self._paths[step.name][depth : depth + 1]
            if inside:
                pieces = runs.setdefault(inside[0], [])
                if inside != before:
                    pieces.append([])
                pieces[-1].append(step)
            before = inside
        return runs

    def _inner(self, runs: list[list[Operation]], path: Path) -> list[_Call] | None:
        """The calls of a module inside, all of the same content; None: there can be no such module."""
        steps = [step for run in runs for step in run]
        names = {step.name for step in steps}
        if any(self._users[tensor] - names for step in steps for tensor in step.tensors()):
            return None
        calls = [(len(run), self._module(run, path)) for run in runs]
        if len(steps) > len(runs) and all(self._paths[step.name] == path for step in steps):
            each = [(1, self._module([step], path)) for step in steps]  # such as a ReLU twice in a row
            calls = each if len({module.content for _, module in each}) == 1 else calls
        fit = all(module.outputs and not self._lacks(module) for _, module in calls)
        return calls if fit and len({module.content for _, module in calls}) == 1 else None

    def _lacks(self, module: Module) -> bool:
        """Whether its own operations need the batch or a device, of which no input tells."""
        needs_batch = any(map(_takes_batch, module.operations))
        needs_device = any(is_placed(step.function) for step in module.operations)
        return (needs_batch and module.batch is None) or (needs_device and module.device is None)

    def _dissolve(self, steps: Sequence[Operation], path: Path, name: str) -> None:
        """Give the operations of a module inside to the one around it."""
        depth = len(path)
        for step in steps:
            own = self._paths[step.name]
            if own[depth : depth + 1] == (name,):
                inside = own[depth + 1 :]
                self._paths[step.name] = (*path, f"{name}.{inside[0]}", *inside[1:]) if inside else path

    def _joined(self, steps: Sequence[Operation], path: Path, inner: Mapping[str, list[_Call]]) -> Module:
        body: list[Operation | Inner] = []
        calls = {name: iter(each) for name, each in inner.items()}
        place = 0
        while place < len(steps):
            step, count = steps[place], 1
            inside = self._paths[step.name][len(path) : len(path) + 1]
            if inside:
                (name,) = inside
                count, module = next(calls[name])
                body.append(Inner(name, inner[name][0][1], module.inputs, module.outputs))
            else:
                body.append(step)
            place += count
        names = {step.name for step in steps}
        taken = dict.fromkeys(each for step in steps for each in step.references() if each not in names)
        inputs = (INPUT,) if not path else tuple(taken)
        outputs = tuple(step.name for step in steps if self._takers[step.name] - names)
        is_layer = len(steps) == 1 and bool(path) and self._paths[steps[0].name] == path
        if not path:
            outputs = (self._graph.output,)
        own = [each for each in body if isinstance(each, Operation)]
        return Module(
            ".".join(path),
            tuple(body),
            inputs,
            outputs,
            self._layers[steps[0].name] if is_layer else None,
            self._first(inputs, self._batch) if any(map(_takes_batch, own)) else None,
            self._first(inputs) if any(is_placed(each.function) for each in own) else None,
        )

    def _first(self, inputs: tuple[str, ...], size: int | None = None) -> int | None:
        """The first input that is a tensor, with a first axis of this size."""
        for number, name in enumerate(inputs):
            shape = self._shapes.get(name)
            if shape is not None and (size is None or shape[:1] == (size,)):
                return number
        return None


def _dotted(module: str) -> str:
    return f"{module}." if module else ""


def _takes_batch(step: Operation) -> bool:
    return any(True for _ in _batches((step.arguments, step.keywords)))


def _batches(value: Any) -> Iterator[int]:
    if isinstance(value, Mapping):
        if value.keys() == {"batch"}:
            yield value["batch"]
        else:
            for each in value.values():
                yield from _batches(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _batches(each)


def _placed(value: Any, places: Mapping[str, int]) -> Any:
    match value:
        case {"ref": name}:
            return {"ref": places[name]}
        case Mapping():
            return sorted((key, _placed(each, places)) for key, each in value.items())
        case list() | tuple():
            return [_placed(each, places) for each in value]
    return value
