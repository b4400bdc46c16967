"""What crosses at a cut becomes a map (channels, height, width), whatever the model calls it. Needs no torch.

Adapters are stacks of convolutions, and statistics are of maps. So a teacher that is cut where tokens or
vectors cross gets a way to a map, which f ends with, and a way back, which g_T begins with:

    vector  (C)            map (C, 1, 1)
    tokens  (S², C)        map (C, S, S)
    tokens  (P + S², C)    map (C, S + 1, S): the P class tokens fill a last row, the last of them repeated
    tokens  (N, C)         map (C, N, 1), where N is of neither kind
    a line  (C, N)         map (C, N, 1), as one-dimensional convolutions give it
    channels last (S, S, C), such as Swin's      map (C, S, S)

Where several results cross, as in U-Nets and feature pyramids, each becomes a map, and the maps cross in a
row (`legonet.ir.several`).

Numbers are only moved, so that the whole model still gives the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isqrt
from typing import Any

from legonet.ir.cuts import CutError, crossing
from legonet.ir.graph import INPUT, ModelGraph, Operation, Shape, renamed
from legonet.ir.several import from_row, to_row
from legonet.ir.sizes import output_shape
from legonet.ir.split import Cut
from legonet.ops.table import ROWS

MOST_PREFIXES = 5  # class tokens, distillation tokens, registers
MOST_MAPS = 16  # that cross at one place
MAP = ".map"
"""What the way to a map and back is called, behind the name of the place."""

_END = 2**63 - 1
_LINES = ("conv1d", "conv_transpose1d")


def with_map(cut: Cut, shape: Shape) -> Cut:
    """Put a way to a map and back where a model is cut, if no map crosses there.

    Args:
        cut: The model and the place.
        shape: The shape of the tensor that crosses, without the batch.

    Returns:
        The model with the operations of both ways, cut between them; as it was where a map crosses.
    """
    graph, place = cut.graph, cut.place
    make = _Steps(place + MAP)
    way = _way(make, shape, _is_line(graph, place))
    if way is None:
        return cut
    there, back = way
    # Laid out anew, so that what comes after it computes as before, in every bit.
    back = [*back, *_bound(make.chain(("contiguous", [])), back[-1].name)]
    steps: dict[str, Operation] = {}
    for name, step in graph.steps.items():
        steps[name] = renamed(step, place, back[-1].name) if place in step.references() else step
        if name == place:
            first = _bound(there, place)
            steps |= {each.name: each for each in (*first, *_bound(back, first[-1].name))}
    new = there[-1].name
    return replace(cut, graph=replace(graph, steps=steps), place=new)


def crossing_maps(graph: ModelGraph, place: str, shapes: Mapping[str, Shape]) -> dict[str, Shape] | None:
    """The several results that cross at a place, and their shapes.

    Args:
        graph: The model.
        place: A result between input and output.
        shapes: Of all results that have the batch as first axis.

    Returns:
        None where they cannot be made maps, as lists cannot, or where the image itself is among them.
    """
    names = crossing(graph, place)
    if not 1 < len(names) <= MOST_MAPS or INPUT in names or not all(name in shapes for name in names):
        return None
    if any(not 0 < len(shapes[name]) < 4 for name in names):
        return None
    return {name: shapes[name] for name in names}


def with_several(cut: Cut, crosses: Mapping[str, Shape]) -> Cut:
    """Put the maps that cross at a place in a row, and take it apart again.

    Args:
        cut: The model and the place.
        crosses: What crosses there; see `crossing_maps`.

    Returns:
        The model with the operations of both, cut between them.
    """
    graph, place, module = cut.graph, cut.place, cut.place + MAP
    make, there, backs = _Steps(module), list[Operation](), list[list[Operation]]()
    ends, maps = list[str](), list[Shape]()
    for name, shape in crosses.items():
        way = None if is_map(shape) else _way(make, shape, _is_line(graph, name))
        to_map, back = way or ([], [])
        there += _bound(to_map, name)
        backs.append(back)
        ends.append(to_map[-1].name if to_map else name)
        alone = ModelGraph({each.name: each for each in to_map}, ends[-1], {})
        maps.append(output_shape(alone, shape, where=cut.where) if to_map else shape)
    row = to_row(module, ends, tuple(maps))
    above, given = from_row(module, row[-1].name, tuple(maps))
    taken: dict[str, str] = {}
    for name, source, back in zip(crosses, given, backs, strict=True):
        above += _bound(back, source)
        taken[name] = back[-1].name if back else source
    steps: dict[str, Operation] = {}
    below = True
    for name, step in graph.steps.items():
        for crossed in () if below else taken.keys() & set(step.references()):
            step = renamed(step, crossed, taken[crossed])
        steps[name] = step
        if name == place:
            steps |= {each.name: each for each in (*there, *row, *above)}
            below = False
    return replace(cut, graph=replace(graph, steps=steps), place=row[-1].name)


def is_map(shape: Shape) -> bool:
    """Whether a tensor of this shape is taken as (channels, height, width)."""
    return len(shape) == 3 and not shape[0] == shape[1] != shape[2]


def is_taken_as_map(cut: Cut, shape: Shape, input_shape: Shape) -> bool:
    """Whether a tensor counts as (channels, height, width) where a model is cut.

    Layers give channels first; so does all else where images are wide or high, and only squares tell.

    Args:
        cut: The model and the place.
        shape: The shape of what crosses there, without the batch.
        input_shape: The shape of the images.
    """
    if is_map(shape):
        return True
    if len(shape) != 3:
        return False
    if cut.graph.notation is not None or len(set(input_shape[1:])) > 1:
        return True
    return cut.graph.steps[cut.place].module.endswith(MAP)


def expect_channels_first(cut: Cut, shape: Shape, input_shape: Shape) -> None:
    """Refuse channels-last features, as no adapter would tell them from a map.

    Args:
        cut: The model and the place.
        shape: The shape of what crosses there, without the batch.
        input_shape: The shape of the images.

    Raises:
        CutError: They are channels last.
    """
    if len(shape) == 3 and not is_taken_as_map(cut, shape, input_shape):
        raise CutError(
            f"{cut.where}: cut '{cut.name}' gives {shape}, channels last; expected a map (channels, height, "
            "width); bring the teacher in with `legonet teacher add`, cut here, which makes it one"
        )


class _Steps:
    """Makes operations of one module, in two lists: to the map, and back."""

    def __init__(self, module: str) -> None:
        self._module, self._count = module, 0

    def chain(self, *calls: tuple[str, list[Any]]) -> list[Operation]:
        """Calls, each of what the one before it gave; the first one's is not known yet."""
        steps, before = [], INPUT
        for function, arguments in calls:
            steps.append(self.call(function, [{"ref": before}, *arguments]))
            before = steps[-1].name
        return steps

    def call(self, function: str, arguments: Sequence[Any]) -> Operation:
        """One call."""
        self._count += 1
        return Operation(f"{self._module}.{self._count}", function, tuple(arguments), {}, self._module)


def _bound(steps: Sequence[Operation], source: str) -> list[Operation]:
    """The steps, with a result in the place of their input."""
    return [renamed(step, INPUT, source) for step in steps]


def _is_line(graph: ModelGraph, place: str) -> bool:
    """Whether a result is (channels, length): from a one-dimensional convolution, channel by channel."""
    step = graph.steps.get(place)
    while step is not None and not step.function.startswith(_LINES):
        sources = [each for each in step.references() if each in graph.steps]
        if len(sources) != 1 or not ROWS[step.function].per_channel:
            return False
        step = graph.steps[sources[0]]
    return step is not None


def _way(make: _Steps, shape: Shape, line: bool) -> tuple[list[Operation], list[Operation]] | None:
    """The operations to a map and back; None for what is a map, or has more axes than tokens."""
    if len(shape) == 1:
        return make.chain(("view", [[{"batch": 1}, shape[0], 1, 1]])), make.chain(("flatten.using_ints", [1]))
    if len(shape) == 3 and not is_map(shape):
        return make.chain(("permute", [[0, 3, 1, 2]])), make.chain(("permute", [[0, 2, 3, 1]]))
    if len(shape) != 2:
        return None
    if line:
        return make.chain(("unsqueeze", [-1])), make.chain(("squeeze.dim", [-1]))
    first = _channels_first(shape)
    count, channels = (shape[1], shape[0]) if first else shape
    turn: list[tuple[str, list[Any]]] = [] if first else [("transpose.int", [1, 2])]
    side, prefixes = _square(count)
    if 0 < prefixes <= min(MOST_PREFIXES, side):
        return _with_prefixes(make, turn, side, prefixes, channels)
    sizes = [count, 1] if prefixes else [side, side]
    there = make.chain(*turn, ("reshape", [[{"batch": 1}, channels, *sizes]]))
    return there, make.chain(("flatten.using_ints", [2]), *turn)


def _square(count: int) -> tuple[int, int]:
    """The largest square below a count of tokens, and how many are left over."""
    side = isqrt(count)
    return side, count - side**2


def _channels_first(shape: Shape) -> bool:
    """Whether (C, S²) is likelier than (N, C): by what makes a square, or nearly one."""
    return _square(shape[1])[1] == 0 and _square(shape[0])[1] > MOST_PREFIXES


def _with_prefixes(
    make: _Steps, turn: list[tuple[str, list[Any]]], side: int, prefixes: int, channels: int
) -> tuple[list[Operation], list[Operation]]:
    turned = make.chain(*turn)
    tokens = {"ref": turned[-1].name if turned else INPUT}
    square = make.chain(
        ("slice.Tensor", [2, prefixes, _END]), ("reshape", [[{"batch": 1}, channels, side, side]])
    )
    row = make.chain(("slice.Tensor", [2, 0, prefixes]))
    last = make.chain(("slice.Tensor", [2, prefixes - 1, prefixes]), ("expand", [[-1, -1, side - prefixes]]))
    parts = [*_bound(square, tokens["ref"]), *_bound(row, tokens["ref"]), *_bound(last, tokens["ref"])]
    filled = make.call("cat", [[{"ref": row[-1].name}, {"ref": last[-1].name}], 2])
    rows = make.call("unsqueeze", [{"ref": filled.name}, 2])
    there = make.call("cat", [[{"ref": square[-1].name}, {"ref": rows.name}], 2])
    patches = make.chain(("slice.Tensor", [2, 0, side]), ("flatten.using_ints", [2]))
    first = make.chain(("select.int", [2, side]), ("slice.Tensor", [2, 0, prefixes]))
    joined = make.call("cat", [[{"ref": first[-1].name}, {"ref": patches[-1].name}], 2])
    back = [*patches, *first, joined, *_bound(make.chain(*turn), joined.name)]
    return [*turned, *parts, filled, rows, there], back
