"""Functions of torch that compute operations, and which arguments they take. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch

from legonet.errors import BlockError
from legonet.graph.suggest import kind_of, listed
from legonet.ir.graph import Operation
from legonet.ops.table import ROWS

_ONE_TENSOR = ("Tensor", "Optional[Tensor]")
_COUNTED = ("ScalarType", "Layout", "MemoryFormat", "QScheme")  # torch looks a number up and may die of it


def _given(features: Any) -> Any:
    return features


def _part(values: Any, index: int) -> Any:
    return values[index]


_OWN = {"getitem": _part, **{row.name: _given for row in ROWS.values() if row.inert}}
"""Operations that are not ATen's, or do nothing outside training."""


def function_of(operation: str) -> Callable[..., Any]:
    """The function that computes an operation."""
    if operation in _OWN:
        return _OWN[operation]
    packet, _, overload = operation.partition(".")
    return getattr(getattr(torch.ops.aten, packet), overload or "default")


@cache
def _parameters(operation: str) -> tuple[int, int, dict[str, str]]:
    """How many arguments by position an operation needs and takes, and which by name: their types."""
    if operation in _OWN:
        count = 2 if operation == "getitem" else 1
        return count, count, {}
    given = function_of(operation)._schema.arguments
    positional = [each for each in given if not each.kwarg_only]
    needed = sum(not each.has_default_value() for each in positional)
    return needed, len(positional), {each.name: _kind(each) for each in given}


def _kind(parameter: Any) -> str:
    """As torch's schema says it; of what torch counts, such as types of numbers, what is counted."""
    real = str(parameter.real_type)
    return real if any(each in real for each in _COUNTED) else str(parameter.type)


def expect_arguments(step: Operation) -> None:
    """Refuse arguments of another number than the operation takes, or of other names or kinds.

    Raises:
        BlockError: They are.
    """
    needed, most, names = _parameters(step.function)
    found, unknown = len(step.arguments), sorted(step.keywords.keys() - names.keys())
    if found > most or found + len(step.keywords) < needed or unknown:
        by_name = f" and {listed(sorted(step.keywords))}" if step.keywords else ""
        raise BlockError(
            f"{step.name}: {step.function} has {found} arguments{by_name}; expected {needed} to {most}, of "
            f"{listed(sorted(names)) or 'no names'}; trace the model again"
        )
    given = {**dict(zip(names, step.arguments, strict=False)), **step.keywords}
    for name, value in given.items():
        text, several = isinstance(value, str), isinstance(value, list | tuple)
        counted = value is not None and any(each in names[name] for each in _COUNTED)
        named = isinstance(value, Mapping) and "dtype" in value and "ScalarType" in names[name]
        if (
            (text and "str" not in names[name])
            or (several and names[name] in _ONE_TENSOR)
            or (counted and not named)
        ):
            raise BlockError(
                f"{step.name}: {step.function} has {kind_of(value)} as '{name}'; expected {names[name]}; "
                "trace the model again"
            )
