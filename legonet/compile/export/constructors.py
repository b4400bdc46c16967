"""How the modules of model.py are made: expressions such as `nn.Conv2d(3, 16, 3, padding=1)`."""

from __future__ import annotations

import json
import keyword
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from legonet.ops.layers import Argument, Make

LINE = 110


@dataclass(frozen=True)
class Chain:
    """An nn.Sequential of modules by name."""

    items: tuple[tuple[str, Make | Chain], ...]


Maker = Make | Chain


def numbers(maker: Maker) -> Iterator[Argument]:
    """The arguments that are whole numbers, in order."""
    if isinstance(maker, Chain):
        for _, each in maker.items:
            yield from numbers(each)
        return
    for each in maker.arguments:
        if isinstance(each, Make):
            yield from numbers(each)
        elif each.is_number:
            yield each


def with_numbers(maker: Maker, values: Iterator[Any]) -> Maker:
    """The same with other values for its whole numbers."""
    if isinstance(maker, Chain):
        return Chain(tuple((key, with_numbers(each, values)) for key, each in maker.items))
    arguments: list[Argument | Make] = []
    for each in maker.arguments:
        if isinstance(each, Make):
            made = with_numbers(each, values)
            assert isinstance(made, Make)  # noqa: S101 - a call stays a call
            arguments.append(made)
        else:
            arguments.append(replace(each, value=next(values)) if each.is_number else each)
    return Make(maker.what, tuple(arguments))


def written(maker: Maker, room: int = LINE) -> list[str]:
    """Write it, on one line if that has room.

    Args:
        maker: The expression.
        room: Characters of a line.
    """
    one = _line(maker)
    if len(one) <= room:
        return [one]
    if isinstance(maker, Make):
        inside = one[len(maker.what) + 1 : -1]
        parts = [f"{_part(each)}," for each in maker.arguments if not _is_left_out(each)]
        inner = [inside] if len(inside) <= room - 4 else parts
        return [f"{maker.what}(", *(f"    {line}" for line in inner), ")"]
    begin, end = _brackets(maker)
    lines = [begin]
    for key, each in maker.items:
        name = _key(maker, key)
        first, *others = written(each, room - len(name) - 5)
        *most, last = [f"{name}{first}", *others]
        lines += [f"    {line}" for line in (*most, f"{last},")]
    return [*lines, end]


def _line(maker: Maker) -> str:
    if isinstance(maker, Make):
        parts = [_part(each) for each in maker.arguments if not _is_left_out(each)]
        return f"{maker.what}({', '.join(parts)})"
    begin, end = _brackets(maker)
    return begin + ", ".join(f"{_key(maker, key)}{_line(each)}" for key, each in maker.items) + end


def _part(argument: Argument | Make) -> str:
    if isinstance(argument, Make):
        return _line(argument)
    value = json.dumps(argument.value) if type(argument.value) is str else repr(argument.value)
    return f"{argument.name}={value}" if argument.has_name else value


def _is_left_out(argument: Argument | Make) -> bool:
    if isinstance(argument, Make):
        return False
    same = isinstance(argument.value, bool) == isinstance(argument.default, bool)
    return same and argument.value == argument.default


def _brackets(chain: Chain) -> tuple[str, str]:
    keys = [key for key, _ in chain.items]
    if keys == [str(number) for number in range(len(keys))]:
        return "nn.Sequential(", ")"
    if all(map(_is_name, keys)):
        return "nn.Sequential(OrderedDict(", "))"
    return "nn.Sequential(OrderedDict({", "}))"


def _key(chain: Chain, key: str) -> str:
    return {"nn.Sequential(": "", "nn.Sequential(OrderedDict(": f"{key}="}.get(
        _brackets(chain)[0], f"{json.dumps(key)}: "
    )


def _is_name(key: str) -> bool:
    return key.isidentifier() and not keyword.iskeyword(key)
