"""Operations as Python expressions: `F.relu(x)`, `x.view(batch, 64)`, `x + y`."""

from __future__ import annotations

import json
from typing import Any

from legonet.compile.export.calls import given
from legonet.ir.graph import DTYPES, Operation
from legonet.ops.spelling import FUNCTIONAL, METHOD, OPERATORS, SPREAD, TORCH, Given, Write
from legonet.ops.table import is_placed, row_of


def expression(step: Operation, write: Write) -> str:
    """The expression that computes an operation, as its row says.

    Args:
        step: The operation.
        write: Writes its arguments.

    Raises:
        ExportError: It is not in legonet's table, or its arguments are not its own.
    """
    arguments, row = given(step), row_of(step.function)
    assert row is not None  # noqa: S101 - it has arguments that are known
    if row.inert:
        return write(arguments["self"])
    values = list(arguments.positional.values())
    if callable(row.python):
        return row.python(arguments, write) or _aten(step, arguments, write)
    if row.python in OPERATORS:
        if len(values) != 2 or arguments.keywords:
            return _aten(step, arguments, write)
        return f"{write(values[0])} {row.python} {write(values[1])}"
    overwrites = step.function != row.name
    packet, known = row.name.partition(".")[0], _keywords(step, arguments, write)
    if row.python in (METHOD, SPREAD) and not overwrites:
        first, *others = values
        if row.python == SPREAD and len(others) == 1 and isinstance(others[0], list | tuple):
            others = list(others[0])
        written = _positional(list(map(write, others)), arguments)
        return f"{write(first)}.{packet}({', '.join([*written, *known])})"
    written = _positional(list(map(write, values)), arguments)
    if row.python == FUNCTIONAL:
        return f"F.{packet}({', '.join([*written, *known, *['inplace=True'] * overwrites])})"
    if row.python == TORCH and not overwrites:
        return f"torch.{packet}({', '.join([*written, *known])})"
    return _aten(step, arguments, write)


def _aten(step: Operation, arguments: Given, write: Write) -> str:
    """A call of the very operation."""
    packet, _, form = step.function.partition(".")
    written = [write(each) for each in arguments.positional.values()]
    written += _keywords(step, arguments, write)
    return f"torch.ops.aten.{packet}.{form or 'default'}({', '.join(written)})"


def _keywords(step: Operation, arguments: Given, write: Write) -> list[str]:
    written = [f"{name}={write(value)}" for name, value in arguments.keywords.items()]
    return [*written, "device=device"] if is_placed(step.function) else written


def literal(value: Any) -> str:
    """An argument that is no tensor, no result and no list."""
    match value:
        case {"dtype": str(name)} if name in DTYPES:
            return f"torch.{name}"
        case {"infinity": int(sign)}:
            return f'float("{"-" if sign < 0 else ""}inf")'
        case str():
            return json.dumps(value)
        case None | bool() | int() | float():
            return repr(value)
    raise AssertionError(f"{value!r} is not an argument of a graph")


def _positional(written: list[str], arguments: Given) -> list[str]:
    """Arguments by position; from the first truth value on with their names, so that these say something."""
    names = list(arguments.positional)
    truths = [name for name, value in arguments.positional.items() if type(value) is bool]
    if not truths:
        return written
    named = names[names.index(truths[0]) :]
    keep = len(written) - len(named)
    return [*written[:keep], *(f"{name}={each}" for name, each in zip(named, written[keep:], strict=True))]
