"""A module's operations, one by one, with labels of units in place of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from legonet.ir.cuts import rectifiers
from legonet.ir.graph import INPUT
from legonet.ir.interpreter import GraphModule, bound, constant
from legonet.ir.rows import in_a_row
from legonet.ir.several import maps_taken
from legonet.ops.call import Call, Shape
from legonet.ops.labels import Labels, Parameter, Units, as_labels, labelled
from legonet.ops.table import ROWS


@dataclass(frozen=True)
class Labelled:
    """What a walk found.

    Attributes:
        units: Of the whole module.
        channels: Labels of the input's channels.
        rectified: For each rectifier, bottom first, labels of its units, of the shape of its mask.
    """

    units: Units
    channels: Tensor
    rectified: list[Tensor]


def label(module: GraphModule, input_shape: Shape) -> Labelled:
    """Find which units the numbers of a module belong to; the output's keep their places.

    Args:
        module: With its weights, of which only whole numbers are looked at.
        input_shape: (channels, …) of one input.
    """
    units, graph = Units(), module.graph
    several = maps_taken(graph)
    maps = several or (tuple(input_shape),)
    channels = units.fresh(sum(shape[0] for shape in maps))
    parts = [
        each.reshape(1, -1, *[1] * (len(shape) - 1)).expand(1, *shape)
        for each, shape in zip(channels.split([shape[0] for shape in maps]), maps, strict=True)
    ]
    first = in_a_row(parts, several)
    known: dict[str, Any] = {INPUT: Labels(first)}
    wanted, rectified = set(rectifiers(graph)), []
    for name, step in graph.steps.items():
        arguments = [_argument(module, each, known) for each in step.arguments]
        keywords = {key: _argument(module, each, known) for key, each in step.keywords.items()}
        given = list(labelled((arguments, list(keywords.values()))))
        function = bound(step, "cpu")
        if not given:
            known[name] = function(*_values(arguments), **{k: _values(v) for k, v in keywords.items()})
            continue
        call, rule = Call(name, step.function, function, arguments, keywords), ROWS[step.function].units
        known[name] = as_labels(units.unknown(call) if rule is None else rule(units, call))
        for each in given:
            if isinstance(each, Labels):
                units.use(each.units)
        if name in wanted:
            (found, *_) = (each.units for each in given if isinstance(each, Labels))
            rectified.append(found[0] if len(found) == 1 else found)
    for each in labelled(known[graph.output]):
        if isinstance(each, Labels):
            units.pin(each.units)
    return Labelled(units, channels, rectified)


def _argument(module: GraphModule, value: Any, known: dict[str, Any]) -> Any:
    match value:
        case {"ref": name}:
            return known[name]
        case {"tensor": name}:
            tensor = module.tensor(name)
            return Parameter(name, tensor if tensor.is_floating_point() else tensor.cpu())
        case {"batch": factor}:
            return factor
        case list() | tuple():
            return [_argument(module, each, known) for each in value]
    return constant(value)


def _values(value: Any) -> Any:
    if isinstance(value, Parameter):
        return value.value
    return [_values(each) for each in value] if isinstance(value, list | tuple) else value
