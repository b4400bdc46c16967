"""What computes numbers at other places: interpolation, sampling, sums of neighbours, Fourier transforms."""

from __future__ import annotations

from functools import partial
from typing import Any

from legonet.ops import alignment, nominal
from legonet.ops.call import Call, Shape
from legonet.ops.layers import Argument, Layer, LayerCall, Make, Maker, simple
from legonet.ops.pullbacks import EXACT, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import expect_rank
from legonet.ops.spelling import Given, Spell, Write


def _resized(call: Call, place: int = 3) -> Shape:
    """A map of another size, or of its size times the factors at a position of the arguments."""
    data, size = call.arguments[0].shape, call.argument(1, None, "output_size")
    scale = call.argument(place, None, "scale_factors")
    expect_rank(data, 4)
    if size is not None:
        return (*data[:2], *size)
    return (*data[:2], *(int(side * factor) for side, factor in zip(data[2:], scale, strict=True)))


def _spell_resized(mode: str, **more: str) -> Spell:
    def write_interpolate(arguments: Given, write: Write) -> str:
        options = {"size": "output_size", "scale_factor": "scale_factors", "align_corners": "align_corners"}
        values = [
            f"{option}={write(arguments[name])}"
            for option, name in options.items()
            if arguments.get(name) is not None
        ]
        values += [f'mode="{mode}"', *(f"{key}={value}" for key, value in more.items())]
        return f"F.interpolate({write(arguments['input'])}, {', '.join(values)})"

    return write_interpolate


def _resized_layer(mode: str) -> Maker:
    def make(call: LayerCall) -> Layer | None:
        size, scale = call.arguments.get("output_size"), call.arguments.get("scale_factors")
        if (size is None) == (scale is None) or any(type(each) is not int for each in size or ()):
            return None
        factors = [int(each) if each == int(each) else each for each in scale or ()]
        how = (
            Argument("size", simple(size), None)
            if scale is None
            else Argument("scale_factor", simple(factors), None)
        )
        corners = call.arguments.get("align_corners")
        options = (Argument("mode", mode, "nearest"), Argument("align_corners", corners, None))
        return Layer(Make("nn.Upsample", (how, *options)))

    return make


_LINEAR: dict[str, Any] = {"pull": transposed, "nominal": nominal.affine, "source": EXACT, "linear": True}
_RESAMPLED = {**_LINEAR, "units": alignment.resampled}

ROWS = (
    Row(
        "upsample_bilinear2d.vec",
        **_RESAMPLED,
        shape=_resized,
        per_channel=True,
        python=_spell_resized("bilinear"),
        layer=_resized_layer("bilinear"),
    ),
    Row(
        "upsample_nearest2d.vec",
        **_RESAMPLED,
        shape=partial(_resized, place=2),
        per_channel=True,
        python=_spell_resized("nearest"),
        layer=_resized_layer("nearest"),
    ),
    Row(
        "upsample_bicubic2d.vec",
        **_RESAMPLED,
        python=_spell_resized("bicubic"),
        layer=_resized_layer("bicubic"),
    ),
    Row("_upsample_bilinear2d_aa.vec", **_RESAMPLED, python=_spell_resized("bilinear", antialias="True")),
    Row("_upsample_bicubic2d_aa.vec", **_RESAMPLED, python=_spell_resized("bicubic", antialias="True")),
    *rows(
        """
        affine_grid_generator col2im complex cumulative_trapezoid.dx diff fft_fft fft_fft2 fft_fftn fft_ifft
        fft_ifft2 fft_ifftn fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn grid_sampler imag
        index_add index_fill.int_Scalar nanmean real scatter.value scatter_add trapz.dx upsample_linear1d.vec
        upsample_nearest1d.vec upsample_trilinear3d.vec _upsample_nearest_exact2d.vec
        """,
        **_LINEAR,
    ),
)
