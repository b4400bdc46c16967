"""What moves numbers and computes none: shapes, orders, parts, padding, resampling."""

from __future__ import annotations

from math import prod

from legonet.ops import nominal
from legonet.ops.call import Call, Shape
from legonet.ops.pullbacks import EXACT, reshaped, transposed
from legonet.ops.row import Row, rows


def _flattened(call: Call) -> Shape:
    data = call.arguments[0].shape
    first, last = call.argument(1, 0, "start_dim"), call.argument(2, -1, "end_dim")
    first, last = first % len(data), last % len(data)
    return (*data[:first], prod(data[first : last + 1]), *data[last + 1 :])


def _resized(call: Call) -> Shape:
    data, size = call.arguments[0].shape, call.argument(1, None, "output_size")
    scale = call.argument(2 if call.operation.startswith("upsample_nearest") else 3, None, "scale_factors")
    if size is not None:
        return (*data[:2], *size)
    return (*data[:2], *(int(side * factor) for side, factor in zip(data[2:], scale, strict=True)))


_LINEAR = {"nominal": nominal.affine, "source": EXACT, "linear": True, "moves": True}
_RESAMPLED = _LINEAR | {"moves": False}

ROWS = (
    Row("flatten.using_ints", reshaped, shape=_flattened, **_LINEAR),
    *rows(
        "view reshape unsqueeze squeeze squeeze.dim squeeze.dims unflatten.int", pull=transposed, **_LINEAR
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
        broadcast_to cat channel_shuffle chunk clone col2im concat constant_pad_nd contiguous expand expand_as
        fft_irfft2 fft_rfft2 flip gather getitem im2col index.Tensor index_put index_select
        movedim.int movedim.intlist moveaxis.int narrow numpy_T pad permute pixel_shuffle pixel_unshuffle
        reflection_pad2d repeat repeat_interleave.self_int replication_pad2d reshape_as roll select.int
        select_scatter slice.Tensor slice_scatter split.Tensor split.sizes split_with_sizes stack swapaxes
        swapdims t tensor_split.indices tensor_split.sections tile transpose.int tril triu unbind.int unfold
        view_as
        view_as_complex view_as_real
        """,
        pull=transposed,
        **_LINEAR,
    ),
    *rows(
        "grid_sampler upsample_bicubic2d.vec _upsample_bicubic2d_aa.vec _upsample_bilinear2d_aa.vec",
        pull=transposed,
        **_RESAMPLED,
    ),
    *rows("meshgrid meshgrid.indexing", moves=True),
)
