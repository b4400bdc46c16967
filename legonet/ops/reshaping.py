"""What moves numbers and computes none: shapes, orders, parts, padding, resampling."""

from __future__ import annotations

from math import prod
from typing import Any

from legonet.ops import nominal
from legonet.ops.call import Call, Shape
from legonet.ops.pullbacks import EXACT, reshaped, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import axes, axis, broadcast, expect_rank, inferred, same_shape, show_shape


def _flattened(call: Call) -> Shape:
    data = call.arguments[0].shape
    first = axis(call.argument(1, 0, "start_dim"), len(data))
    last = axis(call.argument(2, -1, "end_dim"), len(data))
    if first > last:
        raise ValueError(f"axis {first} does not come before axis {last}")
    return (*data[:first], prod(data[first : last + 1]), *data[last + 1 :])


def _resized(call: Call) -> Shape:
    data, size = call.arguments[0].shape, call.argument(1, None, "output_size")
    scale = call.argument(2 if call.operation.startswith("upsample_nearest") else 3, None, "scale_factors")
    expect_rank(data, 4)
    if size is not None:
        return (*data[:2], *size)
    return (*data[:2], *(int(side * factor) for side, factor in zip(data[2:], scale, strict=True)))


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
        raise ValueError(f"{order} is no order of its {len(data)} axes")
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
        raise ValueError(f"{data[1]} channels are no multiple of {factor} x {factor}")
    return (data[0], data[1] // factor**2, data[2] * factor, data[3] * factor)


_MOST = 100_000
_MOVES: dict[str, Any] = {"nominal": nominal.affine, "source": EXACT, "linear": True, "moves": True}
_RESAMPLED = _MOVES | {"moves": False}


def _moved(names: str, shape: Any = None) -> list[Row]:
    return rows(names, pull=transposed, shape=shape, **_MOVES)


ROWS = (
    Row("flatten.using_ints", reshaped, shape=_flattened, **_MOVES),
    *_moved("view reshape", _viewed),
    *_moved("view_as reshape_as", _as_other),
    *_moved("unflatten.int", _unflattened),
    *_moved("expand broadcast_to", _expanded),
    *_moved("permute", _permuted),
    *_moved("transpose.int swapaxes swapdims", _swapped),
    *_moved("unsqueeze", _unsqueezed),
    *_moved("squeeze squeeze.dim squeeze.dims", _squeezed),
    *_moved("cat concat", _joined),
    *_moved("stack", _stacked),
    *_moved("select.int", _selected),
    *_moved("slice.Tensor", _sliced),
    *_moved("narrow", _narrowed),
    *_moved("chunk", _chunked),
    *_moved("split.Tensor", _split),
    *_moved("split.sizes split_with_sizes", _split_sizes),
    *_moved("unbind.int", _unbound),
    *_moved("getitem", _got),
    *_moved("pad constant_pad_nd reflection_pad2d replication_pad2d", _padded),
    *_moved("roll", _rolled),
    *_moved("repeat", _repeated),
    *_moved("pixel_shuffle", _shuffled),
    *_moved("clone contiguous", same_shape),
    *_moved("flip", _flipped),
    *_moved("channel_shuffle", same_shape),
    *_moved("tril triu", same_shape),
    *_moved(
        """
        diagonal expand_as fft_fftshift fft_ifftshift fliplr flipud gather hstack im2col index.Tensor
        index_put index_select mH mT movedim.int movedim.intlist moveaxis.int numpy_T pixel_unshuffle ravel
        reflection_pad1d repeat_interleave.self_int replication_pad1d resolve_conj resolve_neg rot90
        scatter.src select_scatter slice_scatter t tensor_split.indices tensor_split.sections
        tile unfold view_as_complex view_as_real vstack
        """
    ),
    *rows(
        "upsample_bilinear2d.vec upsample_nearest2d.vec",
        pull=transposed,
        shape=_resized,
        per_channel=True,
        **_RESAMPLED,
    ),
    *rows(
        """
        affine_grid_generator col2im diff fft_fft fft_fft2 fft_fftn fft_ifft fft_ifft2 fft_ifftn fft_irfft
        fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn grid_sampler imag index_add real scatter.value
        scatter_add upsample_bicubic2d.vec upsample_linear1d.vec upsample_nearest1d.vec
        upsample_trilinear3d.vec _upsample_bicubic2d_aa.vec _upsample_bilinear2d_aa.vec
        _upsample_nearest_exact2d.vec
        """,
        pull=transposed,
        **_RESAMPLED,
    ),
    *rows("meshgrid meshgrid.indexing", moves=True),
)
