"""The arguments of an operation, by the names that ATen gives them. Needs torch."""

from __future__ import annotations

from typing import Any

from legonet.errors import ExportError
from legonet.ir.functions import function_of
from legonet.ir.graph import Operation
from legonet.ops.spelling import Given
from legonet.ops.table import row_of


def given(step: Operation) -> Given:
    """The arguments of an operation by name.

    Raises:
        ExportError: It is not in legonet's table, or it has arguments that ATen does not know.
    """
    row = row_of(step.function)
    if row is not None and (row.inert or row.name == "getitem"):
        return Given(dict(zip(("self", "index"), step.arguments, strict=False)), {})
    if row is None:
        raise ExportError(
            f"{step.name}: found the operation {step.function!r}; expected one of legonet's table; build the "
            "module again"
        )
    arguments: Any = function_of(step.function)._schema.arguments
    by_name = {each.name: each for each in arguments}
    places = [each for each in arguments if not each.kwarg_only]
    if len(step.arguments) > len(places) or not step.keywords.keys() <= by_name.keys():
        raise ExportError(
            f"{step.name}: found arguments that {step.function} does not take; expected "
            f"{', '.join(by_name)}; build the module again"
        )
    positional = {each.name: value for each, value in zip(places, step.arguments, strict=False)}
    keywords = dict(step.keywords)
    for each in places[len(positional) :]:
        if each.name not in keywords:
            break
        positional[each.name] = keywords.pop(each.name)
    for name in reversed(list(positional)):
        if not by_name[name].has_default_value() or not _same(positional[name], by_name[name].default_value):
            break
        del positional[name]
    return Given(positional, keywords)


def _same(value: Any, default: Any) -> bool:
    """Whether a value is a default, of which ATen writes [1, 1] as 1."""
    if isinstance(value, list) and value and isinstance(default, int):
        return all(type(each) is int and each == default for each in value)
    return type(value) is type(default) and bool(value == default)
