"""Pseudo-gradients: a gradient of the output carried down a model, whatever the features.

The pullback of y = g(x) takes G, shaped like y, to D', shaped like x:

    D' = f'_conv ∘ f'_dummy ∘ f'_pool^avg ∘ … ∘ f'_conv(G)

Each f' is the transposed Jacobian of one operation, made independent of the features: a ReLU becomes a
given mask (or the identity), max pooling becomes average pooling, and all else that is not linear is taken at
the nominal point (`legonet.ops`). A result that several operations take receives the sum of their gradients.
So D' is linear in G, and linear in the weights of each layer.

Source: Zhang et al., Network Transplanting, arXiv:1804.10272, equation (4b) and appendix; the sum is the
chain rule's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from legonet.errors import BlockError, DistillError
from legonet.ir.cuts import following, rectifiers
from legonet.ir.graph import INPUT, Operation
from legonet.ir.interpreter import GraphModule, bound
from legonet.ir.sizes import lowest_pooling, lowest_window, shapes_of
from legonet.ops.call import Call, Data, Shape
from legonet.ops.row import Pull, Row
from legonet.ops.table import ROWS

_REMEMBERED = 4  # numbers of draws whose nominal values are kept


@dataclass(frozen=True)
class _Prepared:
    """What one number of draws needs: the steps that carry gradients, each with its call but for the mask."""

    calls: dict[str, Call]
    takes: dict[str, list[str]]
    pulls: dict[str, Pull]


class Pullback:
    """The pullback of a module.

    Args:
        module: With its weights; it is not changed.
        input_shape: (channels, height, width) of one input.

    Attributes:
        input_shape: Shape of one D'.
        output_shape: Shape of one G.
        relu_shapes: For each rectifier, bottom first, the shape of its mask.

    Raises:
        DistillError: An operation has no pullback, or does not take what those below it give.
    """

    def __init__(self, module: GraphModule, input_shape: Shape) -> None:
        self._module = module
        self._steps = module.graph.steps
        self._bottom = INPUT
        self._data_shape = self.input_shape = tuple(input_shape)
        self._path = following(module.graph)
        for name in self._path:
            _row(self._steps[name])
        try:
            shapes = shapes_of(module.graph, self.input_shape, "task module")
        except BlockError as error:
            raise DistillError(str(error)) from error
        self._shapes = shapes
        self.output_shape = shapes[module.graph.output]
        self._rectifiers = rectifiers(module.graph)
        self._prepared: dict[tuple[Any, ...], _Prepared] = {}
        weights = (each for each in module.state_dict().values() if each.is_floating_point())
        whole = self._prepare(1, next(weights, torch.empty(0)).new_empty(0)).calls
        self.relu_shapes = [_unit_shape(whole[name].data[0].shape) for name in self._rectifiers]

    def __call__(self, gradient: Tensor, masks: Sequence[Tensor | None] | None = None) -> Tensor:
        """Carry a gradient of the output down to the input.

        Args:
            gradient: G, (draws, *output_shape).
            masks: For each rectifier, bottom first, (draws, *relu_shape) of zeros and ones, broadcastable
                (the dummy ReLU of the 2nd kind), or None for ones (the 1st kind). None at all: ones for
                every rectifier.

        Returns:
            D', (draws, *input_shape), differentiable with respect to G and the module's weights.
        """
        given = list(masks) if masks is not None else [None] * len(self._rectifiers)
        by_name = dict(zip(self._rectifiers, given, strict=True))
        prepared = self._prepare(len(gradient), gradient)
        gradients: dict[str, Tensor] = {self._module.graph.output: gradient}
        parts: dict[str, dict[int, Tensor]] = {}  # of results that are several tensors, by their places
        for name in reversed(self._path):
            if name == self._bottom:
                break
            arrived = gradients.pop(name, None) if name in gradients else parts.pop(name, None)
            if arrived is None:
                continue
            call, mask = prepared.calls[name], by_name.get(name)
            if mask is not None:
                call = call.masked(mask)
            if call.operation == "getitem":
                (source,) = prepared.takes[name]
                several, place = call.arguments
                _add(parts.setdefault(source, {}), place % len(several), arrived)
                continue
            for source, found in zip(prepared.takes[name], prepared.pulls[name](call, arrived), strict=True):
                if found is not None:
                    _add(gradients, source, found)
        total = gradients.get(self._bottom)
        return gradient.new_zeros(len(gradient), *self.input_shape) if total is None else total

    @property
    def window(self) -> int:
        """Height and width of the windows that the module begins with a pooling of; 1: it does not.

        D' is constant over each of them.
        """
        return lowest_window(self._module.graph, self.input_shape) if self._bottom == INPUT else 1

    def above_window(self) -> Pullback:
        """The pullback down to the windows: one value for each, w² times what each of its positions gets."""
        pooling = lowest_pooling(self._module.graph)
        if self.window == 1 or pooling is None:
            return self
        above = object.__new__(Pullback)
        above.__dict__.update(self.__dict__)
        above._bottom, above.input_shape = pooling.name, self._shapes[pooling.name]
        return above

    def calls(self, draws: int, like: Tensor) -> tuple[dict[str, Call], dict[str, list[str]]]:
        """Every operation between input and output as it is called for so many draws, and what it takes."""
        prepared = self._prepare(draws, like)
        return prepared.calls, prepared.takes

    def _prepare(self, draws: int, like: Tensor) -> _Prepared:
        """Calls with their shapes and nominal values, for so many draws."""
        key = (draws, like.device, like.dtype)
        if key not in self._prepared:
            while len(self._prepared) >= _REMEMBERED:
                self._prepared.pop(next(iter(self._prepared)))
            with torch.no_grad():
                self._prepared[key] = self._calls(draws, like)
        return self._prepared[key]

    def _calls(self, draws: int, like: Tensor) -> _Prepared:
        known: dict[str, Any] = {INPUT: Data((draws, *self._data_shape), like)}
        calls: dict[str, Call] = {}
        takes: dict[str, list[str]] = {}
        path, counted = set(self._path), like.new_empty(draws)
        for name, step in self._steps.items():
            arguments = [self._module.resolve(each, known.__getitem__, counted) for each in step.arguments]
            keywords = {
                key: self._module.resolve(each, known.__getitem__, counted)
                for key, each in step.keywords.items()
            }
            function = bound(step, like.device)
            call = Call(name, step.function, function, arguments, keywords)
            if not call.data:
                known[name] = function(*arguments, **keywords)
                continue
            known[name] = self._result(call, step, draws, like)
            if name in path:
                _expect_single(step, known)
                calls[name], takes[name] = call, [each for each in step.references() if _is_data(known[each])]
        pulls = {name: pull for name, call in calls.items() if (pull := ROWS[call.operation].pull)}
        return _Prepared(calls, takes, pulls)

    def _result(self, call: Call, step: Operation, draws: int, like: Tensor) -> Any:
        """The result as `Data`, or a list of them."""
        row = _row(step)
        value = None if row.nominal is None else row.nominal(call)
        plain = row.shape is not None and step.function != "getitem"  # of which one may be places
        if value is None and plain and step.name in self._shapes:
            return Data((draws, *self._shapes[step.name]), like)
        results = _results_of(call)
        if isinstance(results, list):
            several = value if value is not None else [None] * len(results)
            return [_data(each, like, part) for each, part in zip(results, several, strict=True)]
        return _data(results, like, value)


def _add(sums: dict[Any, Tensor], key: Any, found: Any) -> None:
    sums[key] = sums[key] + found if key in sums else found


def alike(student: Pullback, teacher: Pullback) -> bool:
    """Whether two task modules can share masks by position: their ReLUs have the same shapes."""
    return student.relu_shapes == teacher.relu_shapes


def expect_same_output(student: Pullback, teacher: Pullback, path: str) -> None:
    """Refuse two task modules that cannot share G.

    Raises:
        DistillError: Their outputs differ in shape.
    """
    if student.output_shape != teacher.output_shape:
        raise DistillError(
            f"{path}: the generic task module gives outputs of shape {student.output_shape}, the teacher's "
            f"{teacher.output_shape}; expected the same; give a teacher of the same task"
        )


def expect_alike(student: Pullback, teacher: Pullback, path: str) -> None:
    """Refuse two task modules that cannot share G and masks by position.

    Raises:
        DistillError: Their outputs or their ReLUs differ in shape.
    """
    expect_same_output(student, teacher, path)
    if not alike(student, teacher):
        ours, theirs = student.relu_shapes, teacher.relu_shapes
        apart = f"{len(ours)} and {len(theirs)} ReLUs"
        if len(ours) == len(theirs):
            one, other = next((one, other) for one, other in zip(ours, theirs, strict=True) if one != other)
            apart = f"ReLUs of {one} and of {other}"
        raise DistillError(
            f"{path}: the generic task module and the teacher's differ in shape ({apart}); "
            "this method shares masks by position and wants equal "
            "ones; give a teacher of the generic module's architecture, or choose the method auto, "
            "which learns from outputs then, or jacobian with samples"
        )


def _known(nominal: Tensor | None) -> Tensor | None:
    """A nominal value, if it is not zero."""
    return nominal if nominal is not None and bool(nominal.any()) else None


def _row(step: Operation) -> Row:
    row = ROWS[step.function]
    if row.pull is None:
        raise DistillError(
            f"{step.name}: operation '{step.function}' has no pullback; expected one of those of "
            f"legonet.ops.table; cut the teacher above it, or add one with legonet.register_operation; "
            "docs/method.md has an example"
        )
    return row


def _data(result: Tensor | Data, like: Tensor, nominal: Tensor | None) -> Data:
    """A result; all are of the features' dtype, but for what a Fourier transform gives, and places."""
    if isinstance(result, Data):
        return Data(result.shape, result.like, _known(nominal))
    own = result.is_complex() or result.dtype == torch.int64
    like = like.new_empty(0, dtype=result.dtype) if own else like
    return Data(tuple(result.shape), like, _known(nominal))


def _results_of(call: Call) -> Any:
    """A call's results on the meta device, or a list of them."""

    def meta(value: Any) -> Any:
        if isinstance(value, Data):
            return torch.empty(value.shape, dtype=value.like.dtype, device="meta")
        if isinstance(value, Tensor):
            return value.to("meta")
        if isinstance(value, Mapping):
            return {key: meta(each) for key, each in value.items()}
        return [meta(each) for each in value] if isinstance(value, list | tuple) else value

    if call.operation == "getitem":
        return call.arguments[0][call.arguments[1]]
    result = call.function(*meta(list(call.arguments)), **meta(dict(call.keywords)))
    return result if isinstance(result, Tensor) else list(result)


def _expect_single(step: Operation, known: Mapping[str, Any]) -> None:
    """Refuse an operation that takes all that another gives at once, as no traced model does."""
    several = [name for name in step.references() if isinstance(known[name], list)]
    if several and step.function != "getitem":
        raise DistillError(
            f"{step.name}: {step.function} takes all results of '{several[0]}' at once; expected getitem "
            "between them; take each by itself"
        )


def _is_data(value: Any) -> bool:
    return isinstance(value, Data) or (
        isinstance(value, list) and any(isinstance(each, Data) for each in value)
    )


def _unit_shape(shape: Shape) -> Shape:
    """The shape of one draw's units; one draw may be several rows, such as the windows of an image."""
    return tuple(shape) if shape[0] > 1 else tuple(shape[1:])
