"""The forward method of a module of model.py: one line for each operation, few names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, count
from typing import Any

from legonet.compile.export.constructors import LINE
from legonet.compile.export.expressions import expression, literal
from legonet.compile.export.tree import Inner, Module
from legonet.compile.export.wrap import wrapped
from legonet.ir.graph import Operation

_INDENT = 8


def forward_lines(module: Module, attributes: Mapping[str, str], tensors: Mapping[str, str]) -> list[str]:
    """The body of the method.

    Args:
        module: The module whose operations it computes.
        attributes: The names that the modules inside it have in Python.
        tensors: The names of the model's tensors that its own operations take.
    """
    return _Forward(module, attributes, tensors).lines()


def parameters(module: Module) -> list[str]:
    """The names of the method's parameters; a single one with a star for any number of inputs."""
    names = _names()
    return ["*x"] if _takes_any_number(module) else [next(names) for _ in module.inputs]


def _takes_any_number(module: Module) -> bool:
    """Whether the inputs are only put into one list, at first, such as those of a dense layer."""
    first, *others = module.body
    if isinstance(first, Inner) or first.arguments[:1] != ([{"ref": name} for name in module.inputs],):
        return False
    later = [name for each in others for name in _taken(each)]
    again = {*module.outputs, *later, *list(first.references())[len(module.inputs) :]}
    return module.batch is None and module.device is None and again.isdisjoint(module.inputs)


def _names() -> Iterator[str]:
    yield from "xyzuvw"
    for number in count(1):
        yield f"x{number}"


class _Forward:
    def __init__(self, module: Module, attributes: Mapping[str, str], tensors: Mapping[str, str]) -> None:
        self._module, self._attributes, self._tensors = module, attributes, tensors
        names = parameters(module)
        self._any_number = names == ["*x"]
        names = ["x"] * len(module.inputs) if self._any_number else names
        self._values: dict[str, str] = dict(zip(module.inputs, names, strict=True))
        self._last = {name: place for place, each in enumerate(module.body) for name in _taken(each)}
        self._last |= dict.fromkeys(module.outputs, len(module.body))

    def lines(self) -> list[str]:
        module = self._module
        lines: list[str] = []
        if module.batch is not None:
            lines.append(f"batch = {self._values[module.inputs[module.batch]]}.shape[0]")
        if module.device is not None:
            lines.append(f"device = {self._values[module.inputs[module.device]]}.device")
        for place, each in enumerate(module.body):
            written = self._written(each)
            results = each.results if isinstance(each, Inner) else (each.name,)
            if place == len(module.body) - 1 and results == module.outputs:
                return [*lines, *wrapped(f"return {written}", LINE - _INDENT)]
            self._assign(place, each, results)
            target = ", ".join(self._values[name] for name in results)
            if target != written:
                lines += wrapped(f"{target} = {written}", LINE - _INDENT)
        return [*lines, f"return {', '.join(self._values[name] for name in module.outputs)}"]

    def _written(self, each: Operation | Inner) -> str:
        if isinstance(each, Operation):
            return expression(each, self._write)
        taken = ", ".join(self._values[name] for name in each.arguments)
        return f"self.{self._attributes[each.name]}({taken})"

    def _write(self, value: Any) -> str:
        match value:
            case {"ref": name}:
                return self._values[name]
            case {"tensor": name}:
                return f"self.{self._tensors[name]}"
            case {"batch": 1}:
                return "batch"
            case {"batch": int(factor)}:
                return f"batch * {factor}"
            case list() if self._any_number and value == [{"ref": name} for name in self._module.inputs]:
                return "x"
            case list() | tuple():
                return f"[{', '.join(map(self._write, value))}]"
        return literal(value)

    def _assign(self, place: int, each: Operation | Inner, results: tuple[str, ...]) -> None:
        """Give results the names of what is not needed any more, of what it is computed from at first."""
        taken = [self._values[name] for name in _taken(each)]
        needed = {
            self._values[name] for name, last in self._last.items() if last > place and name in self._values
        }
        free = chain(
            (name for name in dict.fromkeys(taken) if name not in needed), self._unused(needed, taken)
        )
        for name in results:
            self._values[name] = next(free)

    def _unused(self, needed: set[str], taken: list[str]) -> Iterator[str]:
        return (name for name in _names() if name not in needed and name not in taken)


def _taken(each: Operation | Inner) -> list[str]:
    return list(each.arguments) if isinstance(each, Inner) else list(each.references())
