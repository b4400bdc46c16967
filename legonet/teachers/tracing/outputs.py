"""Which of a model's outputs counts, and a last step that it still needs: `logits | mean 2 3`. Needs torch.

An output is named by its key, field or number, parts of parts with a point between: `out`, `features.0`. Of
several, with ` + ` between, the last axes are joined: `scores + boxes`, as detectors give them. Steps follow,
each behind a `|`; axes are counted as in torch, the batch is axis 0:

    permute 0 3 1 2     the axes in another order
    flatten 1           all axes from this one on become one
    mean 2 3            the mean over axes
    select 1 0          one place of an axis
    resize 64 64        maps, bilinearly, to height and width
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from legonet.errors import TeacherError
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.functions import function_of
from legonet.ir.graph import ModelGraph, Operation
from legonet.teachers.tracing.traced import Traced

# What a step makes of its numbers: the operation and its arguments after the first; how many it takes.
_Step = tuple[str, Callable[[list[int]], list[Any]], range]
JOINED = " + "
STEPS: dict[str, _Step] = {
    "permute": ("permute", lambda axes: [axes], range(2, 9)),
    "flatten": ("flatten.using_ints", lambda axes: axes or [1], range(3)),
    "mean": ("mean.dim", lambda axes: [axes], range(1, 8)),
    "select": ("select.int", lambda numbers: numbers, range(2, 3)),
    "resize": ("upsample_bilinear2d.vec", lambda size: [size, False, None], range(2, 3)),
}


@dataclass(frozen=True)
class Chosen:
    """What counts of all that a model gives.

    Attributes:
        name: Of the output, or of several that are joined; None for the only one, or the one called `out`.
        steps: Operations, and their arguments after the first.
    """

    name: str | None = None
    steps: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def __call__(self, given: object) -> Tensor:
        """The output that counts, of all that a call of the model gave.

        Raises:
            TeacherError: There is none of this name.
        """
        value = chosen_output(given, self.name)
        for function, arguments in self.steps:
            value = function_of(function)(value, *arguments)
        return value

    def added_to(self, traced: Traced) -> Traced:
        """The model that ends with the steps; its output is the one that counts already."""
        graph = traced.graph.without_notation() if self.steps else traced.graph
        steps, output = dict(graph.steps), graph.output
        for function, arguments in self.steps:
            base = f"last.{function.split('.')[0]}"
            name = next(each for each in (base, *(f"{base}_{n}" for n in range(2, 99))) if each not in steps)
            steps[name] = Operation(name, function, ({"ref": output}, *arguments), {}, "last")
            output = name
        if output == graph.output:
            return traced
        return replace(traced, graph=ModelGraph(steps, output, graph.tensors))


ONLY = Chosen()
"""The only output, as it is."""


def read_output(text: str | None, where: str) -> Chosen:
    """Read which output counts, and the last steps.

    Args:
        text: See above; None for the only output, as it is.
        where: What messages call the model.

    Raises:
        TeacherError: A step is not known, or takes other numbers.
    """
    first, *rest = (part.strip() for part in (text or "").split("|"))
    name = first or None
    if first.split(" ")[0] in STEPS and " " in first:  # `mean 2 3` names no output
        name, rest = None, [first, *rest]
    return Chosen(name, tuple(_read_step(each, where) for each in rest))


def _read_step(text: str, where: str) -> tuple[str, tuple[Any, ...]]:
    word, *numbers = text.split() or [""]
    if word not in STEPS:
        raise TeacherError(
            f"{where}: output: no step '{word}'; expected one of {listed(STEPS)}, such as `mean 2 3`."
            f"{did_you_mean(word, STEPS)}"
        )
    function, make, counts = STEPS[word]
    if len(numbers) not in counts or not all(each.removeprefix("-").isdigit() for each in numbers):
        how_many = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
        raise TeacherError(
            f"{where}: output: `{text}`; expected {how_many} whole numbers after {word}; correct it"
        )
    return function, tuple(make([int(each) for each in numbers]))


def parts_of(value: object) -> Mapping[Any, Any] | None:
    """The parts of what a model gives, by key, field or number; None if it has none."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):  # a named tuple
        return value._asdict()  # type: ignore[attr-defined]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return dict(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def names_in(name: str | None) -> list[str | None]:
    """The names of the outputs that are joined; mostly one."""
    return [None] if name is None else [each.strip() for each in name.split(JOINED)]


def chosen_output(value: object, name: str | None) -> Tensor:
    """The output that counts of all that a model gives.

    Args:
        value: A tensor, or tensors by name or number, nested.
        name: Such as `out`, `features.0` or `scores + boxes`; default: the only one, or the one called `out`.

    Raises:
        TeacherError: There is none of this name.
    """
    parts = [_chosen(value, each) for each in names_in(name)]
    return parts[0] if len(parts) == 1 else function_of("cat")(parts, -1)


def _chosen(value: object, name: str | None) -> Tensor:
    while not isinstance(value, Tensor):
        parts = {str(key): each for key, each in (parts_of(value) or {}).items() if each is not None}
        first, _, rest = (name or ("out" if "out" in parts else next(iter(parts), ""))).partition(".")
        if first not in parts:
            raise TeacherError(f"no output '{first}'; outputs are {listed(list(parts))}")
        value, name = parts[first], rest or None
    return value
