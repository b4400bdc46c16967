"""Recurrent layers where only shapes are wanted: one call, not one of each step. Needs torch.

Torch has no shapes of its own for them: on the meta device, and while a model is traced, it computes one
step after the other, hundreds of them. What a layer gives is known from its arguments, and all steps together
take as many operations as two products of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch._decomp import decomposition_table
from torch._subclasses.fake_tensor import is_fake
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from legonet.ops.recurrence import LAYERS


def at_once(
    features: Tensor,
    states: Any,
    weights: list[Tensor],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    both: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """Results of a recurrent layer that have its shapes, its operations, and no values.

    Args:
        features: As ATen's `lstm.input` has them, like all others.
        states: Likewise.
        weights: Likewise.
        has_biases: Likewise.
        layers: Likewise.
        dropout: Likewise.
        train: Likewise.
        both: Likewise.
        batch_first: Likewise.
    """
    begun = list(states) if isinstance(states, list | tuple) else [states]
    steps = features.transpose(0, 1) if batch_first else features
    directions = 1 + both
    each = len(weights) // (layers * directions)
    for layer in range(layers):
        given = steps.new_empty(*steps.shape[:2], directions * begun[0].shape[2])
        for number in range(layer * directions, (layer + 1) * directions):
            own = weights[number * each : (number + 1) * each]
            rows = steps.flatten(0, 1)
            for weight, takes in zip((own[0], own[1]), (rows, given.flatten(0, 1)), strict=True):
                torch.mm(takes[:, : weight.shape[1]], weight.T)
            if len(own) in (3, 5):  # a projection
                torch.mm(rows.new_empty(rows.shape[0], own[-1].shape[1]), own[-1].T)
        steps = given
    return (steps.transpose(0, 1) if batch_first else steps, *(state.clone() for state in begun))


@cache
def shaped(operation: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of an operation, which on the meta device gives shapes at once."""
    return partial(_called, function) if operation in LAYERS else function


def _called(function: Callable[..., Any], features: Tensor, *others: Any) -> Any:
    return at_once(features, *others) if features.is_meta else function(features, *others)


@contextmanager
def as_one_call() -> Iterator[None]:
    """While it is entered, torch's tracing takes recurrent layers as one call each, whatever their steps."""
    calls: list[Any] = [getattr(torch.ops.aten, name.removesuffix(".input")).input for name in LAYERS]
    tables = [(decomposition_table, call) for call in calls if call in decomposition_table]
    tables += [(call.py_kernels, key) for call in calls for key in call.py_kernels]
    before = [table[key] for table, key in tables]
    for (table, key), rule in zip(tables, before, strict=True):
        table[key] = partial(_traced, rule)
    _look_again(calls)
    try:
        yield
    finally:
        for (table, key), rule in zip(tables, before, strict=True):
            table[key] = rule
        _look_again(calls)


def _look_again(calls: list[Any]) -> None:
    for call in calls:
        call._dispatch_cache.clear()


def _traced(rule: Callable[..., Any], features: Tensor, *others: Any) -> Any:
    """Shapes alone are wanted where no mode writes down what is called."""
    if is_fake(features) and get_proxy_mode() is None and not others[5]:  # in training it drops features
        return at_once(features, *others)
    return rule(features, *others)
