"""How units pass operations, where families share it: from the labels that one takes to those that it gives.

A rule takes what is known of a model's units so far (`legonet.ops.labels.Units`) and a call whose results and
tensors are labelled. It gives the labels of the result, or a list of them where there are several results.
Labels pass through reshapes, splits and the like by these very operations. Importing this needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from legonet.ops.call import Call

if TYPE_CHECKING:
    from legonet.ops.labels import Units


def each(units: Units, call: Call) -> Any:
    """Each number by itself."""
    from legonet.ops.labels import Labels

    given = call.arguments[0]
    return Labels(units.given(call), given.repeated if isinstance(given, Labels) else frozenset())


def combined(units: Units, call: Call) -> Any:
    """Several tensors, number by number."""
    from torch import broadcast_shapes

    from legonet.ops.labels import Labels

    whole = [labels for labels in map(units.labels, call.arguments) if labels is not None]
    plain = [value.plain if isinstance(value, Labels) else units.labels(value) for value in call.arguments]
    made, *others = [labels for labels in plain if labels is not None]
    for other in others:
        made = units.coupled(made, other)
    return made.expand(broadcast_shapes(*(each.shape for each in whole)))


def moved(units: Units, call: Call) -> Any:
    """Numbers are moved: so are their labels."""
    from torch import Tensor

    from legonet.ops.labels import Labels, Parameter

    def numbers(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [numbers(each) for each in value]
        if isinstance(value, Labels):
            return value.units.double().contiguous()
        if isinstance(value, Parameter):
            moves = value.moves
            return units.elements(value.name, value.value.shape).double() if moves else value.value
        return value

    result = call.function(*numbers(call.arguments), **{k: numbers(v) for k, v in call.keywords.items()})
    return result.long() if isinstance(result, Tensor) else [part.long() for part in result]


def expanded(units: Units, call: Call) -> Any:
    """Numbers are repeated along axes of size 1."""
    from legonet.ops.labels import Labels

    made, given = moved(units, call), units.given(call)
    given = given[(None,) * (made.ndim - given.ndim)]
    return Labels(made, frozenset(axis for axis in range(made.ndim) if given.shape[axis] < made.shape[axis]))


def looked_up(units: Units, call: Call) -> Any:
    """Numbers are chosen by indices, which must not depend on the image."""
    from legonet.ops.labels import labelled

    rest = (call.arguments[1:], list(call.keywords.values()))
    return units.unknown(call) if list(labelled(rest)) else moved(units, call)


def resampled(units: Units, call: Call) -> Any:
    """Positions of a map are mixed; channels stay apart."""
    labels = units.given(call)
    labels = units.along(labels, range(2, labels.ndim))
    return units.like(call, lambda shape: labels.expand(shape))


def reduced(units: Units, call: Call, place: int = 1, kept: int = 2) -> Any:
    """One number of those along some axes.

    Args:
        units: What is known of the model's units.
        call: The reduction.
        place: The position of its axes.
        kept: The position of what says whether these are kept.
    """
    labels = units.given(call)
    axes = call.argument(place, None, "dim")
    axes = range(labels.ndim) if axes is None or axes == [] else [axes] if isinstance(axes, int) else axes
    made = units.fibres(labels, axes)
    if not call.argument(kept, False, "keepdim"):
        made = made.squeeze(tuple(axis % labels.ndim for axis in axes))
    return units.like(call, lambda shape: made.expand(shape))
