"""Pooling, maxima and means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from legonet.errors import DistillError
from legonet.ops import nominal
from legonet.ops.call import Call, Gradient, Shape
from legonet.ops.convolution import windows
from legonet.ops.pullbacks import EXACT, PAPER, POINT, first, replaced, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import expect_rank, reduced, same_shape, scalar

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


def _ordered(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """What is chosen by size along an axis, each as the mean along it: all are as likely to be chosen."""
    (data,) = call.data
    gone = call.operation in _ONE_OF_THEM and not call.argument(*_KEPT[call.operation])
    axis = call.argument(*_AXES.get(call.operation, (2, -1, "dim")))
    axis += len(data.shape) if axis < 0 else 0
    total = sum(gradient.values()) if isinstance(gradient, Mapping) else gradient
    share = total.unsqueeze(axis) if gone else total.sum(axis, keepdim=True)  # type: ignore[union-attr]
    return [(share / data.shape[axis]).expand(data.shape)]


_AXES: dict[str, tuple[int, int, str]] = {
    "aminmax": (1, -1, "dim"),
    "median.dim": (1, -1, "dim"),
    "sort": (1, -1, "dim"),
}
_KEPT: dict[str, tuple[int, bool, str]] = {
    "aminmax": (2, False, "keepdim"),
    "kthvalue": (3, False, "keepdim"),
    "median.dim": (2, False, "keepdim"),
    "quantile.scalar": (3, False, "keepdim"),
}
_ONE_OF_THEM = frozenset(_KEPT)


def _unpooled(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Unpooling to where maxima were, each place of a window as likely: the mean of G over the window."""
    import torch.nn.functional as F

    assert not isinstance(gradient, Mapping)  # noqa: S101 - it gives one tensor
    height, width = call.arguments[0].shape[-2:]
    mean = F.adaptive_avg_pool2d(gradient, (height, width))
    return [mean, *[None] * (len(call.data) - 1)]


def _max_shape(call: Call) -> Shape:
    return _pooled(call, call.pair(4, 1, "dilation"), bool(call.argument(5, False, "ceil_mode")))


def _mean_shape(call: Call) -> Shape:
    return _pooled(call, (1, 1), bool(call.argument(4, False, "ceil_mode")))


def _pooled(call: Call, dilation: tuple[int, int], ceil: bool) -> Shape:
    data, kernel = call.arguments[0].shape, call.pair(1, 1, "kernel_size")
    given = call.argument(2, [], "stride")
    stride = kernel if given == [] else call.pair(2, 1, "stride")
    padding = call.pair(3, 0, "padding")
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


_LINEAR = {"pull": transposed, "nominal": nominal.affine, "source": EXACT, "linear": True}

ROWS = (
    Row(
        "max_pool2d",
        _averaged,
        nominal.affine,
        f"average pooling; {PAPER}",
        shape=_max_shape,
        per_channel=True,
        fresh=True,
    ),
    *rows(
        "max_pool1d max_pool3d",
        pull=_averaged,
        nominal=nominal.affine,
        source=f"average pooling; {PAPER}",
        per_channel=True,
        fresh=True,
    ),
    *rows(
        "adaptive_max_pool1d adaptive_max_pool2d",
        pull=_adaptive,
        nominal=nominal.zero,
        source="average pooling",
        per_channel=True,
    ),
    Row("avg_pool2d", shape=_mean_shape, per_channel=True, fresh=True, **_LINEAR),
    *rows("avg_pool1d avg_pool3d", per_channel=True, fresh=True, **_LINEAR),
    Row("adaptive_avg_pool2d", shape=_adaptive_shape, per_channel=True, **_LINEAR),
    Row("adaptive_avg_pool1d", per_channel=True, **_LINEAR),
    *rows("amax amin", pull=_greatest, nominal=nominal.affine, source="the mean", shape=reduced),
    Row("max.dim", _greatest, nominal.affine, "the mean", _several),
    Row("min.dim", _greatest, nominal.affine, "the mean", _several),
    Row("max_pool2d_with_indices", _maxima, nominal.zero, f"average pooling; {PAPER}"),
    Row("max_unpool2d", _unpooled, nominal.zero, "the mean over windows"),
    *rows(
        "aminmax kthvalue median.dim quantile.scalar sort topk",
        pull=_ordered,
        nominal=nominal.zero,
        source="the mean",
    ),
    *rows(
        "cumprod logcumsumexp logsumexp prod.dim_int", pull=transposed, nominal=nominal.computed, source=POINT
    ),
    *rows("all.dim any.dim argmax argmin argsort one_hot"),
    *rows("mean.dim sum.dim_IntList", shape=reduced, **_LINEAR),
    *rows("mean sum", shape=scalar, **_LINEAR),
    Row("cumsum", shape=same_shape, **_LINEAR),
)
