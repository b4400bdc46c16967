"""Pseudo-gradients through a graph of operations: equation (4b) where a model branches.

A result that several operations take receives the sum of their gradients. Everything else is as for a chain;
the rules are in `legonet.distill.rules`.

Source: Zhang et al., arXiv:1804.10272, equation (4b); the sum is the chain rule's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from legonet.blocks.interpret import OperationModule, bound, operation_shapes
from legonet.blocks.joints import following, rectifiers
from legonet.blocks.operations import INPUT, Operation
from legonet.distill.nominal import Call, Data
from legonet.distill.pulls import Gradient
from legonet.distill.rules import RULES, Rule
from legonet.errors import BlockError, DistillError

Shape = tuple[int, ...]
_REMEMBERED = 4  # numbers of draws whose nominal values are kept


@dataclass(frozen=True)
class _Prepared:
    """What one number of draws needs: the steps that carry gradients, each with its call but for the mask."""

    calls: dict[str, Call]
    takes: dict[str, list[str]]


class GraphPullback:
    """The pullback of a graph of operations.

    Args:
        module: The graph with its weights; it is not changed.
        input_shape: (channels, height, width) of one input.

    Attributes:
        input_shape: Shape of one D'.
        output_shape: Shape of one G.
        relu_shapes: For each rectifier, bottom first, the shape of its mask.

    Raises:
        DistillError: An operation has no rule, or does not take what those below it give.
    """

    def __init__(self, module: OperationModule, input_shape: Shape) -> None:
        self._module = module
        self._steps = module.operations.steps
        self.input_shape = tuple(input_shape)
        self._path = following(module.operations)
        for name in self._path:
            _rule(self._steps[name])
        try:
            shapes = operation_shapes(module, self.input_shape, "task module")
        except BlockError as error:
            raise DistillError(str(error)) from error
        self.output_shape = shapes[module.operations.output]
        self._rectifiers = rectifiers(module.operations)
        self._prepared: dict[tuple[Any, ...], _Prepared] = {}
        weights = (each for each in module.state_dict().values() if each.is_floating_point())
        whole = self._prepare(1, next(weights, torch.empty(0)).new_empty(0)).calls
        self.relu_shapes = [_unit_shape(whole[name].data[0].shape) for name in self._rectifiers]

    def __call__(self, gradient: Tensor, masks: Sequence[Tensor | None] | None = None) -> Tensor:
        """Carry a gradient of the output down to the input.

        Args:
            gradient: G, (draws, *output_shape).
            masks: For each rectifier, bottom first, (draws, *relu_shape) of zeros and ones, broadcastable,
                or None for ones. None at all: ones for every rectifier.

        Returns:
            D', (draws, *input_shape).
        """
        given = list(masks) if masks is not None else [None] * len(self._rectifiers)
        by_name = dict(zip(self._rectifiers, given, strict=True))
        prepared = self._prepare(len(gradient), gradient)
        output = self._module.operations.output
        gradients: dict[str, dict[int, Tensor]] = {output: {-1: gradient}}
        for name in reversed(self._path):
            arrived = gradients.pop(name, None)
            if arrived is None:
                continue
            call = prepared.calls[name]
            if by_name.get(name) is not None:
                call = Call(
                    call.name, call.operation, call.function, call.arguments, call.keywords, by_name[name]
                )
            for source, found in zip(prepared.takes[name], self._pulled(call, arrived), strict=True):
                if found is None:
                    continue
                place = call.arguments[1] if call.operation == "getitem" else -1
                parts = gradients.setdefault(source, {})
                parts[place] = parts[place] + found if place in parts else found
        total = gradients.get(INPUT, {}).get(-1)
        return gradient.new_zeros(len(gradient), *self.input_shape) if total is None else total

    def calls(self, draws: int, like: Tensor) -> tuple[dict[str, Call], dict[str, list[str]]]:
        """Every operation between input and output as it is called for so many draws, and what it takes."""
        prepared = self._prepare(draws, like)
        return prepared.calls, prepared.takes

    def _pulled(self, call: Call, arrived: Mapping[int, Tensor]) -> Sequence[Tensor | None]:
        if call.operation == "getitem":  # the part's place goes with its gradient
            return [arrived[-1]]
        whole: Gradient = arrived[-1] if -1 in arrived else dict(arrived)
        return RULES[call.operation].pull(call, whole)

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
        known: dict[str, Any] = {INPUT: Data((draws, *self.input_shape), like)}
        calls: dict[str, Call] = {}
        takes: dict[str, list[str]] = {}
        path, counted = set(self._path), like.new_empty(draws)
        for name, step in self._steps.items():
            arguments = [self._module.resolve(each, known, counted) for each in step.arguments]
            keywords = {
                key: self._module.resolve(each, known, counted) for key, each in step.keywords.items()
            }
            function = bound(step, like.device)
            call = Call(name, step.function, function, arguments, keywords)
            if not call.data:
                known[name] = function(*arguments, **keywords)
                continue
            known[name] = self._result(call, step, like)
            if name in path:
                calls[name], takes[name] = call, [each for each in step.references() if _is_data(known[each])]
        return _Prepared(calls, takes)

    def _result(self, call: Call, step: Operation, like: Tensor) -> Any:
        """The result as `Data`, or a list of them."""
        results = _results_of(call)
        nominal = _rule(step).nominal(call)
        if isinstance(results, list):
            several = nominal if nominal is not None else [None] * len(results)
            return [_data(each, like, value) for each, value in zip(results, several, strict=True)]
        return _data(results, like, nominal)


def _known(nominal: Tensor | None) -> Tensor | None:
    """A nominal value, if it is not zero."""
    return nominal if nominal is not None and bool(nominal.any()) else None


def _rule(step: Operation) -> Rule:
    if step.function not in RULES:
        raise DistillError(
            f"{step.name}: operation '{step.function}' has no pullback rule; expected one of "
            f"legonet.distill.rules; cut the teacher above it, or add one: "
            f"legonet.distill.rules.register('{step.function}', ...); docs/method.md has an example"
        )
    return RULES[step.function]


def _data(result: Tensor | Data, like: Tensor, nominal: Tensor | None) -> Data:
    """A result; all are of the features' dtype, but for what a Fourier transform gives."""
    if isinstance(result, Data):
        return Data(result.shape, result.like, _known(nominal))
    like = like.new_empty(0, dtype=result.dtype) if result.is_complex() else like
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


def _is_data(value: Any) -> bool:
    return isinstance(value, Data) or (
        isinstance(value, list) and any(isinstance(each, Data) for each in value)
    )


def _unit_shape(shape: Shape) -> Shape:
    """The shape of one draw's units; one draw may be several rows, such as the windows of an image."""
    return tuple(shape) if shape[0] > 1 else tuple(shape[1:])
