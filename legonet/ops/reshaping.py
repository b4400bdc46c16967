"""What moves numbers and computes none: shapes, orders, parts, padding, resampling."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from legonet.ops import alignment, nominal
from legonet.ops.call import Call, Shape
from legonet.ops.layers import Argument, Layer, LayerCall, Make, plain
from legonet.ops.pullbacks import EXACT, reshaped, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import axes, axis, broadcast, expect_rank, inferred, same_shape, show_shape
from legonet.ops.spelling import FUNCTIONAL, METHOD, SPREAD, TORCH, Given, Write

if TYPE_CHECKING:
    from legonet.ops.labels import Units

_LAST = 2**63 - 1  # the end of a slice without one
_MOST = 100_000


def _flattened(call: Call) -> Shape:
    data = call.arguments[0].shape
    first = axis(call.argument(1, 0, "start_dim"), len(data))
    last = axis(call.argument(2, -1, "end_dim"), len(data))
    if first > last:
        raise ValueError(f"axis {first} does not come before axis {last}")
    return (*data[:first], prod(data[first : last + 1]), *data[last + 1 :])


def _viewed(call: Call) -> Shape:
    return inferred(call.argument(1, None, "size"), prod(call.arguments[0].shape))


def _unflattened(call: Call) -> Shape:
    data = call.arguments[0].shape
    place = axis(call.argument(1, 0, "dim"), len(data))
    return (*data[:place], *inferred(call.argument(2, None, "sizes"), data[place]), *data[place + 1 :])


def _as_other(call: Call) -> Shape:
    return inferred(call.arguments[1].shape, prod(call.arguments[0].shape))


def _expanded(call: Call) -> Shape:
    data, sizes = call.arguments[0].shape, call.argument(1, None, "size")
    added = len(sizes) - len(data)
    if added < 0 or any(size == -1 for size in sizes[:added]):
        raise ValueError(f"it cannot be expanded to {show_shape(sizes)}")
    wanted = (
        *sizes[:added],
        *(old if new == -1 else new for old, new in zip(data, sizes[added:], strict=True)),
    )
    if broadcast(data, wanted) != wanted:
        raise ValueError(f"it cannot be expanded to {show_shape(sizes)}")
    return wanted


def _permuted(call: Call) -> Shape:
    data, order = call.arguments[0].shape, call.argument(1, None, "dims")
    found = [axis(each, len(data)) for each in order]
    if sorted(found) != list(range(len(data))):
        raise ValueError(f"{order} does not order its {len(data)} axes")
    return tuple(data[each] for each in found)


def _swapped(call: Call) -> Shape:
    sizes = list(call.arguments[0].shape)
    one, other = (axis(call.arguments[position], len(sizes)) for position in (1, 2))
    sizes[one], sizes[other] = sizes[other], sizes[one]
    return tuple(sizes)


def _unsqueezed(call: Call) -> Shape:
    data = call.arguments[0].shape
    place = axis(call.argument(1, 0, "dim"), len(data) + 1)
    return (*data[:place], 1, *data[place:])


def _squeezed(call: Call) -> Shape:
    data = call.arguments[0].shape
    gone = axes(call.argument(1, None, "dim"), len(data))
    return tuple(size for place, size in enumerate(data) if size != 1 or place not in gone)


def _joined(call: Call) -> Shape:
    shapes = [each.shape for each in call.arguments[0]]
    place = axis(call.argument(1, 0, "dim"), len(shapes[0]))
    if len({(*shape[:place], *shape[place + 1 :]) for shape in shapes}) > 1:
        raise ValueError(f"{' and '.join(map(show_shape, shapes))} differ in more than axis {place}")
    return (*shapes[0][:place], sum(shape[place] for shape in shapes), *shapes[0][place + 1 :])


def _stacked(call: Call) -> Shape:
    shapes = [each.shape for each in call.arguments[0]]
    place = axis(call.argument(1, 0, "dim"), len(shapes[0]) + 1)
    if len(set(shapes)) > 1:
        raise ValueError(f"{' and '.join(map(show_shape, shapes))} differ")
    return (*shapes[0][:place], len(shapes), *shapes[0][place:])


def _selected(call: Call) -> Shape:
    data = call.arguments[0].shape
    place = axis(call.argument(1, 0, "dim"), len(data))
    index = call.argument(2, 0, "index")
    if not -data[place] <= index < data[place]:
        raise ValueError(f"axis {place} of {data[place]} has no index {index}")
    return (*data[:place], *data[place + 1 :])


def _sliced(call: Call) -> Shape:
    data = call.arguments[0].shape
    place = axis(call.argument(1, 0, "dim"), len(data))
    start, end, step = (
        call.argument(position, default, name)
        for position, default, name in ((2, None, "start"), (3, None, "end"), (4, 1, "step"))
    )
    return _with(data, place, len(range(data[place])[start:end:step]))


def _narrowed(call: Call) -> Shape:
    data = call.arguments[0].shape
    place = axis(call.argument(1, 0, "dim"), len(data))
    start, length = call.argument(2, 0, "start"), call.argument(3, 0, "length")
    start += data[place] if start < 0 else 0
    if start < 0 or start + length > data[place]:
        raise ValueError(f"axis {place} of {data[place]} has no {length} from {start}")
    return _with(data, place, length)


def _with(shape: Shape, place: int, size: int) -> Shape:
    return (*shape[:place], size, *shape[place + 1 :])


def _chunked(call: Call) -> list[Shape]:
    data, count = call.arguments[0].shape, call.argument(1, 1, "chunks")
    place = axis(call.argument(2, 0, "dim"), len(data))
    return _parts(data, place, -(-data[place] // count))


def _split(call: Call) -> list[Shape]:
    data = call.arguments[0].shape
    return _parts(data, axis(call.argument(2, 0, "dim"), len(data)), call.argument(1, 1, "split_size"))


def _parts(data: Shape, place: int, size: int) -> list[Shape]:
    _expect_few(-(-data[place] // size))
    return [_with(data, place, min(size, data[place] - start)) for start in range(0, data[place], size)]


def _split_sizes(call: Call) -> list[Shape]:
    data, sizes = call.arguments[0].shape, call.arguments[1]
    place = axis(call.argument(2, 0, "dim"), len(data))
    if sum(sizes) != data[place]:
        raise ValueError(f"axis {place} of {data[place]} does not split into {show_shape(sizes)}")
    return [_with(data, place, size) for size in sizes]


def _unbound(call: Call) -> list[Shape]:
    data = call.arguments[0].shape
    place = axis(call.argument(1, 0, "dim"), len(data))
    _expect_few(data[place])
    return [(*data[:place], *data[place + 1 :])] * data[place]


def _expect_few(results: int) -> None:
    """Refuse operations that give more results than anybody takes."""
    if results > _MOST:
        raise ValueError(f"it gives {results} results; expected at most {_MOST}")


def _got(call: Call) -> Shape:
    return call.arguments[0][call.arguments[1]].shape


def _padded(call: Call) -> Shape:
    sizes, pads = list(call.arguments[0].shape), call.argument(1, None, "pad")
    if len(pads) % 2 or len(pads) > 2 * len(sizes):
        raise ValueError(f"{show_shape(sizes)} cannot be padded by {list(pads)}")
    for place in range(len(pads) // 2):
        ends = pads[2 * place : 2 * place + 2]
        if sizes[-1 - place] + sum(min(each, 0) for each in ends) < 0:
            raise ValueError(f"{show_shape(sizes)} cannot be cut by {list(pads)}")
        sizes[-1 - place] += sum(ends)
    return tuple(sizes)


def _rolled(call: Call) -> Shape:
    axes(call.argument(2, None, "dims"), len(call.arguments[0].shape))
    return call.arguments[0].shape


def _flipped(call: Call) -> Shape:
    axes(call.argument(1, None, "dims"), len(call.arguments[0].shape))
    return call.arguments[0].shape


def _repeated(call: Call) -> Shape:
    data, times = call.arguments[0].shape, call.argument(1, None, "repeats")
    if len(times) < len(data):
        raise ValueError(f"{show_shape(data)} has more axes than {list(times)}")
    return tuple(
        size * each for size, each in zip((1,) * (len(times) - len(data)) + data, times, strict=True)
    )


def _shuffled(call: Call) -> Shape:
    data, factor = call.arguments[0].shape, call.argument(1, 1, "upscale_factor")
    expect_rank(data, 4)
    if data[1] % factor**2:
        raise ValueError(f"{data[1]} channels are not a multiple of {factor} x {factor}")
    return (data[0], data[1] // factor**2, data[2] * factor, data[3] * factor)


def _padded_units(units: Units, call: Call, zeros: bool = False) -> Any:
    """Positions are added round a map; what is added to channels is no unit's.

    Args:
        units: What is known of the model's units.
        call: The padding.
        zeros: It pads with zeros unless it is given another value.
    """
    from legonet.ops.labels import varies

    labels = units.given(call)
    added = call.argument(1, name="pad")
    padded = [labels.ndim - 1 - place // 2 for place, size in enumerate(added) if size]
    if any(varies(labels, each) for each in padded):
        moved = zeros and not call.argument(2, 0, "value")
        return alignment.moved(units, call) if moved else units.unknown(call)
    for each in padded:
        labels = labels.narrow(each, 0, 1)
    return units.like(call, lambda shape: labels.expand(shape))


def _spell_item(arguments: Given, write: Write) -> str:
    return f"{write(arguments['self'])}[{write(arguments['index'])}]"


def _spell_select(arguments: Given, write: Write) -> str | None:
    return _indexed(arguments, arguments["dim"], write(arguments["index"]), write)


def _spell_slice(arguments: Given, write: Write) -> str | None:
    start, end, step = (arguments.get(name) for name in ("start", "end", "step"))
    ends = "" if start in (None, 0) else write(start), "" if end in (None, _LAST) else write(end)
    index = ":".join([*ends, *([] if step in (None, 1) else [write(step)])])
    return _indexed(arguments, arguments.get("dim", 0), index, write)


def _indexed(arguments: Given, axis: int, index: str, write: Write) -> str | None:
    if axis < -1:
        return None
    before = "..., " if axis < 0 else ":, " * axis
    data = write(arguments["self"])
    return data if index == ":" else f"{data}[{before}{index}]"


def _spell_index(arguments: Given, write: Write) -> str:
    index = ", ".join(":" if each is None else write(each) for each in arguments["indices"])
    return f"{write(arguments['self'])}[{index}]"


def _flatten_layer(call: LayerCall) -> Layer:
    first, last = call.arguments.get("start_dim", 0), call.arguments.get("end_dim", -1)
    return Layer(Make("nn.Flatten", (Argument("start_dim", first, 1), Argument("end_dim", last, -1))))


_LINEAR: dict[str, Any] = {"pull": transposed, "nominal": nominal.affine, "source": EXACT, "linear": True}
_MOVES = {**_LINEAR, "moves": True, "units": alignment.moved}
_EXPANDED = {**_MOVES, "shape": _expanded, "units": alignment.expanded}
_VIEWED = {**_MOVES, "shape": _viewed, "python": SPREAD}
_CHOSEN = {**_MOVES, "units": alignment.looked_up}
_COPIED = {**_MOVES, "shape": same_shape, "copies": True, "units": alignment.each, "python": METHOD}
_PADDED = {**_MOVES, "shape": _padded, "units": _padded_units}
_UNALIGNED = {**_MOVES, "units": None}

ROWS = (
    Row(
        "flatten.using_ints",
        **{**_MOVES, "pull": reshaped},
        shape=_flattened,
        python=METHOD,
        layer=_flatten_layer,
    ),
    Row("view", **_VIEWED, any_layout="reshape"),
    Row("reshape", **_VIEWED),
    Row("view_as", **_MOVES, shape=_as_other, any_layout="reshape_as", python=METHOD),
    Row("reshape_as", **_MOVES, shape=_as_other, python=METHOD),
    Row("unflatten.int", **_MOVES, shape=_unflattened, python=METHOD),
    Row("expand", **_EXPANDED, python=SPREAD),
    Row("broadcast_to", **_EXPANDED),
    Row("expand_as", **{**_EXPANDED, "shape": None}, python=METHOD),
    Row("permute", **_MOVES, shape=_permuted, python=SPREAD),
    *rows("transpose.int swapaxes swapdims", **_MOVES, shape=_swapped, python=METHOD),
    Row("unsqueeze", **_MOVES, shape=_unsqueezed, python=METHOD),
    *rows("squeeze squeeze.dim squeeze.dims", **_MOVES, shape=_squeezed, python=METHOD),
    *rows("cat concat", **_MOVES, shape=_joined, python=TORCH),
    Row("stack", **_MOVES, shape=_stacked, python=TORCH),
    Row("select.int", **_MOVES, shape=_selected, python=_spell_select),
    Row("slice.Tensor", **_MOVES, shape=_sliced, python=_spell_slice),
    Row("narrow", **_MOVES, shape=_narrowed, python=METHOD),
    Row("chunk", **_MOVES, shape=_chunked, python=METHOD),
    Row("split.Tensor", **_MOVES, shape=_split, python=METHOD),
    Row("split.sizes", **_MOVES, shape=_split_sizes),
    Row("split_with_sizes", **_MOVES, shape=_split_sizes, python=METHOD),
    Row("unbind.int", **_MOVES, shape=_unbound, python=METHOD),
    Row("getitem", **_MOVES, shape=_got, python=_spell_item),
    Row("pad", **_PADDED, python=FUNCTIONAL),
    Row("constant_pad_nd", **{**_PADDED, "units": partial(_padded_units, zeros=True)}),
    *rows("reflection_pad2d replication_pad2d", **_PADDED),
    Row("roll", **_MOVES, shape=_rolled, python=TORCH),
    Row("repeat", **_MOVES, shape=_repeated, python=SPREAD),
    Row("tile", **_MOVES, python=SPREAD),
    Row(
        "pixel_shuffle",
        **_MOVES,
        shape=_shuffled,
        python=FUNCTIONAL,
        layer=plain("nn.PixelShuffle", upscale_factor=...),
    ),
    Row(
        "pixel_unshuffle",
        **_MOVES,
        python=FUNCTIONAL,
        layer=plain("nn.PixelUnshuffle", downscale_factor=...),
    ),
    *rows("clone contiguous", **_COPIED),
    Row("flip", **_MOVES, shape=_flipped, python=TORCH),
    Row("channel_shuffle", **_MOVES, shape=same_shape, python=TORCH),
    *rows("tril triu", **_UNALIGNED, shape=same_shape, python=TORCH),
    *rows("index_select gather", **_CHOSEN, python=TORCH),
    Row("index.Tensor", **_CHOSEN, python=_spell_index),
    *rows("movedim.int movedim.intlist t", **_MOVES, python=METHOD),
    *rows(
        """
        moveaxis.int numpy_T repeat_interleave.self_int select_scatter slice_scatter tensor_split.indices
        tensor_split.sections unfold
        """,
        **_MOVES,
    ),
    Row("view_as_complex", **_UNALIGNED, any_layout=""),
    *rows(
        """
        diag_embed diagonal fft_fftshift fft_ifftshift fliplr flipud hstack im2col index_copy index_put mH mT
        ravel reflection_pad1d replication_pad1d resolve_conj resolve_neg rot90 scatter.src view_as_real
        vstack
        """,
        **_UNALIGNED,
    ),
    *rows("meshgrid meshgrid.indexing", moves=True),
)
