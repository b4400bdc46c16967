"""Pooling, maxima and means."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from legonet.errors import DistillError
from legonet.ops import alignment, nominal
from legonet.ops.call import Arguments, Call, Gradient, Shape
from legonet.ops.convolution import windows
from legonet.ops.layers import Argument, Layer, LayerCall, Make, Maker, plain
from legonet.ops.pullbacks import EXACT, PAPER, POINT, first, replaced, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import expect_rank, reduced, same_shape, scalar
from legonet.ops.spelling import FUNCTIONAL, METHOD, TORCH

if TYPE_CHECKING:
    from torch import Tensor


def _averaged(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Max pooling as average pooling: each input of a window receives an equal share of G."""
    import torch.nn.functional as F

    axes = int(call.operation[8])
    (data,) = call.data
    kernel, stride, padding, dilation = (
        _times(call.argument(position, default, name), axes)
        for position, default, name in (
            (1, 1, "kernel_size"),
            (2, [], "stride"),
            (3, 0, "padding"),
            (4, 1, "dilation"),
        )
    )
    stride, ceil = stride or kernel, call.argument(5, False, "ceil_mode")
    if any(each != 1 for each in dilation):
        raise DistillError(
            f"{call.name}: max pooling with dilation has no pullback; expected dilation 1; cut the teacher "
            "above it"
        )
    plain = axes == 2 and kernel == stride and not any(padding) and not ceil
    if plain and not isinstance(gradient, Mapping):
        size = [side * window for side, window in zip(gradient.shape[-2:], kernel, strict=True)]
        spread = F.interpolate(gradient / (kernel[0] * kernel[1]), size, mode="nearest")
        bottom, right = data.shape[-2] - spread.shape[-2], data.shape[-1] - spread.shape[-1]
        return [F.pad(spread, (0, right, 0, bottom)) if bottom or right else spread]
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[axes - 1]
    return replaced(call, lambda x: pool(x, kernel, stride, padding, ceil), gradient)


def _maxima(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Max pooling that tells where the maxima are."""
    return _averaged(call, first(gradient))


def _times(value: Any, axes: int) -> list[int]:
    value = [value] if isinstance(value, int) else list(value)
    return value * axes if len(value) == 1 else value


def _adaptive(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Adaptive max pooling as the average pooling of the same windows."""
    import torch.nn.functional as F

    pool = F.adaptive_avg_pool1d if call.operation.endswith("1d") else F.adaptive_avg_pool2d
    return replaced(call, lambda x: pool(x, call.argument(1)), first(gradient))


def _greatest(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The maximum along axes as the mean along them."""
    (data,) = call.data
    axes, keep = call.argument(1, [], "dim"), call.argument(2, False, "keepdim")
    axes = [axes] if isinstance(axes, int) else (list(axes) or list(range(len(data.shape))))
    return replaced(call, lambda x: x.mean(axes, keepdim=keep), first(gradient))


def _ordered(call: Call, gradient: Gradient, place: int, kept: int | None = None) -> list[Tensor | None]:
    """What is chosen by size along an axis, each as the mean along it: all are as likely to be chosen.

    Args:
        call: The call.
        gradient: The gradient of its result.
        place: The position of the axis.
        kept: The position of what says whether the axis is kept; None: it is.
    """
    (data,) = call.data
    gone = kept is not None and not call.argument(kept, False, "keepdim")
    axis = call.argument(place, -1, "dim")
    axis += len(data.shape) if axis < 0 else 0
    total = sum(gradient.values()) if isinstance(gradient, Mapping) else gradient
    share = total.unsqueeze(axis) if gone else total.sum(axis, keepdim=True)  # type: ignore[union-attr]
    return [(share / data.shape[axis]).expand(data.shape)]


def _greatest_so_far(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The greatest of those before it along an axis as their mean."""
    import torch

    axis = call.argument(1, name="dim")

    def mean(data: Tensor) -> Tensor:
        count = torch.arange(1, data.shape[axis] + 1, dtype=data.dtype, device=data.device)
        return data.cumsum(axis) / count.view(-1, *[1] * (data.ndim - 1 - axis % data.ndim))

    return replaced(call, mean, first(gradient))


def _scattered(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """What the greatest or least is put in places as the mean of all that comes to each."""
    how, keywords = call.argument(4, name="reduce"), dict(call.keywords)
    arguments = list(call.arguments)
    if how in ("amax", "amin"):
        if len(arguments) > 4:
            arguments[4] = "mean"
        else:
            keywords["reduce"] = "mean"
    return transposed(Call(call.name, call.operation, call.function, arguments, keywords), gradient)


def _unpooled(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Unpooling to where maxima were, each place of a window as likely: the mean of G over the window."""
    import torch.nn.functional as F

    assert not isinstance(gradient, Mapping)  # noqa: S101 - it gives one tensor
    height, width = call.arguments[0].shape[-2:]
    mean = F.adaptive_avg_pool2d(gradient, (height, width))
    return [mean, *[None] * (len(call.data) - 1)]


def _window(call: Arguments) -> tuple[tuple[int, int], ...]:
    """Kernel, stride and padding; the stride is the kernel where it is not given."""
    kernel = call.pair(1, 1, "kernel_size")
    stride = kernel if call.argument(2, [], "stride") == [] else call.pair(2, 1, "stride")
    return kernel, stride, call.pair(3, 0, "padding")


def _max_shape(call: Call) -> Shape:
    return _pooled(call, call.pair(4, 1, "dilation"), bool(call.argument(5, False, "ceil_mode")))


def _mean_shape(call: Call) -> Shape:
    return _pooled(call, (1, 1), bool(call.argument(4, False, "ceil_mode")))


def _pooled(call: Call, dilation: tuple[int, int], ceil: bool) -> Shape:
    data, (kernel, stride, padding) = call.arguments[0].shape, _window(call)
    expect_rank(data, 3, 4)
    for window, zeros in zip(kernel, padding, strict=True):
        if 2 * zeros > window:
            raise ValueError(f"padding {zeros} is more than half the window of {window}")
    options = zip(data[-2:], kernel, stride, padding, dilation, strict=True)
    return (*data[:-2], *(windows(*each, ceil=ceil) for each in options))


def _adaptive_shape(call: Call) -> Shape:
    expect_rank(call.arguments[0].shape, 3, 4)
    return (*call.arguments[0].shape[:-2], *call.pair(1, 1, "output_size"))


def _several(call: Call) -> list[Shape]:
    """Maxima, and where they are."""
    return [reduced(call)] * 2


def _layer(kind: str, **options: Any) -> Maker:
    """A pooling, whose stride is its kernel where it is not given."""
    whole = plain(kind, kernel_size=..., stride=None, padding=0, **options)

    def make(call: LayerCall) -> Layer | None:
        layer = whole(call)
        if layer is None:
            return None
        kernel, stride, *others = layer.make.arguments
        assert isinstance(kernel, Argument)  # noqa: S101 - made above
        assert isinstance(stride, Argument)  # noqa: S101 - likewise
        is_kernel = stride.value in (None, kernel.value)
        return Layer(Make(kind, (kernel, *([] if is_kernel else [stride]), *others)))

    return make


_MAPPED: dict[str, Any] = {"per_channel": True, "units": alignment.resampled, "python": FUNCTIONAL}
_LINEAR: dict[str, Any] = {"pull": transposed, "nominal": nominal.affine, "source": EXACT, "linear": True}
_MEANS = {**_LINEAR, **_MAPPED}
_MAXIMA: dict[str, Any] = {
    **_MAPPED,
    "pull": _averaged,
    "nominal": nominal.affine,
    "source": f"average pooling; {PAPER}",
    "fresh": True,
}
_GREATEST: dict[str, Any] = {"pull": _greatest, "nominal": nominal.affine, "source": "the mean"}
_ORDERED: dict[str, Any] = {"nominal": nominal.zero, "source": "the mean"}
_REDUCED = {**_LINEAR, "units": alignment.reduced, "python": METHOD}

ROWS = (
    Row(
        "max_pool2d",
        **_MAXIMA,
        shape=_max_shape,
        window=_window,
        layer=_layer("nn.MaxPool2d", dilation=1, ceil_mode=False),
    ),
    *rows("max_pool1d max_pool3d", **_MAXIMA),
    *rows(
        "adaptive_max_pool1d adaptive_max_pool2d",
        pull=_adaptive,
        nominal=nominal.zero,
        source="average pooling",
        per_channel=True,
        units=alignment.resampled,
    ),
    Row(
        "avg_pool2d",
        **_MEANS,
        shape=_mean_shape,
        fresh=True,
        window=_window,
        layer=_layer("nn.AvgPool2d", ceil_mode=False, count_include_pad=True, divisor_override=None),
    ),
    *rows("avg_pool1d avg_pool3d", **_MEANS, fresh=True),
    Row(
        "adaptive_avg_pool2d",
        **_MEANS,
        shape=_adaptive_shape,
        layer=plain("nn.AdaptiveAvgPool2d", output_size=...),
    ),
    Row("adaptive_avg_pool1d", **_MEANS, layer=plain("nn.AdaptiveAvgPool1d", output_size=...)),
    *rows("amax amin", **_GREATEST, shape=reduced, units=alignment.reduced, python=METHOD),
    Row("max.dim", **_GREATEST, shape=_several, units=alignment.reduced),
    Row("min.dim", **_GREATEST, shape=_several, units=alignment.reduced),
    Row("max_pool2d_with_indices", _maxima, nominal.zero, f"average pooling; {PAPER}"),
    Row("max_unpool2d", _unpooled, nominal.zero, "the mean over windows"),
    *rows("aminmax median.dim", pull=partial(_ordered, place=1, kept=2), **_ORDERED),
    *rows("kthvalue quantile.scalar", pull=partial(_ordered, place=2, kept=3), **_ORDERED),
    *rows("cummax cummin", pull=_greatest_so_far, **_ORDERED),
    Row("scatter_reduce.two", pull=_scattered, **_ORDERED),
    Row("sort", pull=partial(_ordered, place=1), **_ORDERED),
    Row("topk", pull=partial(_ordered, place=2), **_ORDERED),
    *rows(
        "cumprod logcumsumexp logsumexp prod.dim_int", pull=transposed, nominal=nominal.computed, source=POINT
    ),
    *rows("all.dim any.dim argmax argmin argsort one_hot"),
    *rows("mean.dim sum.dim_IntList", **_REDUCED, shape=reduced),
    *rows("mean sum", **_REDUCED, shape=scalar),
    Row("cumsum", **_LINEAR, shape=same_shape, python=TORCH),
)
