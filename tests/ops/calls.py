"""A call of each operation, in float64, and models of one call."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import torch
from torch.nn import functional

from legonet.ir.graph import ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule, build_graph

X, BATCH, MAP = {"ref": "input"}, {"batch": 1}, (4, 6, 8)
LINE, SPACE, ROW, PAIRS = (4, 8), (2, 4, 4, 4), (8,), (4, 2)
Arguments = list[Any]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Weight:
    """A tensor of the model: random, or what `value` says."""

    def __init__(self, *shape: int, value: torch.Tensor | None = None) -> None:
        self.value = torch.rand(shape, dtype=torch.float64) if value is None else value


def index(*numbers: int) -> Weight:
    return Weight(value=torch.tensor(numbers))


MASK = Weight(value=torch.arange(8) > 3)


class Step:
    """A call whose result another one takes."""

    def __init__(self, function: str, *arguments: Any) -> None:
        self.function, self.arguments = function, list(arguments)


FLIPPED = Step("flip", X, [1])
PLACES = Step("expand", Weight(value=torch.arange(3).reshape(1, 3, 1, 1)), [BATCH, -1, 6, 8])
EXACT: dict[str, tuple[Arguments, tuple[int, ...]]] = {
    **{name: ([X], MAP) for name in ("clone", "contiguous", "neg")},
    **{name: ([X, 2.5], MAP) for name in ("add.Scalar", "sub.Scalar", "rsub.Scalar", "mul.Scalar")},
    **{name: ([X, FLIPPED], MAP) for name in ("add.Tensor", "sub.Tensor", "rsub.Tensor", "subtract.Tensor")},
    **{
        name: ([X, Weight(6, 8)], MAP)
        for name in ("mul.Tensor", "multiply.Tensor", "div.Tensor", "divide.Tensor", "true_divide.Tensor")
    },
    **{name: ([[X, FLIPPED], 1], MAP) for name in ("cat", "concat", "stack")},
    **{name: ([X, 1, 2], MAP) for name in ("movedim.int", "moveaxis.int", "swapaxes", "swapdims")},
    **{name: ([X, [1, 2, 0, 1]], MAP) for name in ("constant_pad_nd", "pad")},
    **{name: ([X, [1, 2, 0, 1]], MAP) for name in ("reflection_pad2d", "replication_pad2d")},
    **{name: ([X, [1, 2, 1, 1]], MAP) for name in ("repeat", "tile")},
    **{name: ([X, [-1, 192]], MAP) for name in ("reshape", "view")},
    **{name: ([Step("flatten.using_ints", X, 1), X], MAP) for name in ("reshape_as", "view_as")},
    **{name: ([X, 2], MAP) for name in ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle")},
    **{name: ([X, [1, 3], 1], MAP) for name in ("split.sizes", "split_with_sizes")},
    **{name: ([X, 2, 1], MAP) for name in ("chunk", "split.Tensor", "tensor_split.sections")},
    **{name: ([X], MAP) for name in ("tril", "triu", "mean", "sum")},
    **{
        name: ([X, [12, 16], False, None], MAP)
        for name in ("upsample_bilinear2d.vec", "upsample_bicubic2d.vec")
    },
    **{
        name: ([X, [3, 4], False, None], MAP)
        for name in ("_upsample_bicubic2d_aa.vec", "_upsample_bilinear2d_aa.vec")
    },
    "upsample_nearest2d.vec": ([X, [9, 11], None], MAP),
    **{
        name: ([X, None, [-1]], MAP)
        for name in ("fft_fft2", "fft_fftn", "fft_ifft2", "fft_ifftn", "fft_rfftn")
    },
    **{name: ([X], MAP) for name in ("fft_fft", "fft_ifft", "fft_rfft", "fft_fftshift", "fft_ifftshift")},
    "fft_irfftn": ([Step("fft_rfftn", X)], MAP),
    **{name: ([Step("fft_rfft", X)], MAP) for name in ("fft_irfft", "imag", "real")},
    **{
        name: ([X], MAP)
        for name in ("fliplr", "flipud", "mT", "mH", "nan_to_num", "resolve_conj", "resolve_neg")
    },
    "complex": ([X, FLIPPED], MAP),
    "cumulative_trapezoid.dx": ([X], MAP),
    "diag_embed": ([X], MAP),
    "hstack": ([[X, FLIPPED]], MAP),
    "index_copy": ([X, 1, index(2, 0, 1, 3), FLIPPED], MAP),
    "index_fill.int_Scalar": ([X, 1, index(2, 0), 0.5], MAP),
    "nanmean": ([X, [2]], MAP),
    "trapz.dx": ([X], MAP),
    **{name: ([X, [1, 2]], LINE) for name in ("reflection_pad1d", "replication_pad1d")},
    "_upsample_nearest_exact2d.vec": ([X, [9, 11], None], MAP),
    "adaptive_avg_pool1d": ([X, [3]], LINE),
    "affine_grid_generator": ([Step("narrow", X, 1, 0, 2), [BATCH, 1, 5, 6], False], (4, 3)),
    "diagonal": ([X, 0, 2, 3], MAP),
    "diff": ([X, 1, 2], MAP),
    "index_add": ([X, 1, index(0, 2, 0, 1), FLIPPED], MAP),
    "ravel": ([Step("ravel", X)], MAP),
    "rot90": ([X, 1, [2, 3]], MAP),
    "scatter.src": ([X, 1, PLACES, Step("narrow", FLIPPED, 1, 0, 3)], MAP),
    "scatter.value": ([X, 1, PLACES, 0.5], MAP),
    "scatter_add": ([X, 1, PLACES, Step("narrow", FLIPPED, 1, 0, 3)], MAP),
    "upsample_linear1d.vec": ([X, [12], False, None], LINE),
    "upsample_nearest1d.vec": ([X, [11], None], LINE),
    "upsample_trilinear3d.vec": ([X, [5, 6, 7], False, None], SPACE),
    "vstack": ([[Step("permute", X, [1, 0, 2, 3]), Step("permute", FLIPPED, [1, 0, 2, 3])]], MAP),
    "adaptive_avg_pool2d": ([X, [3, 5]], MAP),
    "addcmul": ([X, Weight(8), Weight(8)], MAP),
    "addmm": ([Weight(5), X, Weight(8, 5)], ROW),
    "avg_pool1d": ([X, [3], [2]], LINE),
    "avg_pool2d": ([X, [3, 2], [2, 2]], MAP),
    "avg_pool3d": ([X, [2]], SPACE),
    "baddbmm": (
        [
            X,
            Step("expand", Weight(1, 4, 3), [BATCH, -1, -1]),
            Step("expand", Weight(1, 3, 8), [BATCH, -1, -1]),
        ],
        LINE,
    ),
    "batch_norm": ([X, *(Weight(4) for _ in range(4)), False, 0.1, 1e-5, False], MAP),
    "bmm": ([X, Step("expand", Weight(1, 8, 3), [BATCH, -1, -1])], LINE),
    "broadcast_to": ([X, [BATCH, 4, 8]], (1, 8)),
    "col2im": ([X, [4, 6], [2, 2], [1, 1], [0, 0], [2, 2]], (8, 6)),
    "conv1d": ([X, Weight(5, 4, 3)], LINE),
    "conv1d.padding": ([X, Weight(5, 4, 3), None, [1], "same"], LINE),
    "conv2d": ([X, Weight(6, 2, 3, 1), Weight(6), [2, 1], [1, 0], [1, 2], 2], MAP),
    "conv2d.padding": ([X, Weight(5, 4, 3, 3), None, [1, 1], "same"], MAP),
    "conv3d": ([X, Weight(3, 2, 2, 2, 2)], SPACE),
    "conv_transpose1d": ([X, Weight(4, 2, 3)], LINE),
    "conv_transpose2d.input": ([X, Weight(4, 2, 3, 3), None, [2, 2]], MAP),
    "conv_transpose3d.input": ([X, Weight(2, 2, 2, 2, 2)], SPACE),
    "cumsum": ([X, 2], MAP),
    "div.Scalar": ([X, 2.5], MAP),
    "expand": ([X, [-1, 4, 8]], (1, 8)),
    "expand_as": ([X, Step("expand", X, [-1, 4, 8])], (1, 8)),
    "fft_irfft2": ([Step("fft_rfft2", X)], MAP),
    "fft_rfft2": ([X], MAP),
    "flatten.using_ints": ([X, 1], MAP),
    "flip": ([X, [2]], MAP),
    "gather": ([X, 1, Step("expand", Weight(value=torch.ones(1, 2, 6, 8).long()), [BATCH, -1, -1, -1])], MAP),
    "getitem": ([Step("unbind.int", X, 1), 2], MAP),
    "grid_sampler": ([X, Step("expand", Weight(1, 5, 3, 2), [BATCH, -1, -1, -1]), 0, 0, False], MAP),
    "im2col": ([X, [2, 2], [1, 1], [0, 0], [2, 2]], MAP),
    "index.Tensor": ([X, [None, index(2, 0, 2)]], MAP),
    "index_put": ([X, [None, index(1, 3)], Weight(8)], MAP),
    "index_select": ([X, 1, index(2, 0, 2)], MAP),
    "lerp.Scalar": ([X, FLIPPED, 0.3], MAP),
    "lerp.Tensor": ([X, FLIPPED, Weight(8)], MAP),
    "linear": ([X, Weight(5, 8), Weight(5)], MAP),
    "masked_fill.Scalar": ([X, MASK, 0.5], MAP),
    "masked_fill.Tensor": ([X, MASK, Weight()], MAP),
    "matmul": ([X, Weight(8, 5)], MAP),
    "mean.dim": ([X, [2, 3]], MAP),
    "mm": ([X, Weight(8, 5)], ROW),
    "movedim.intlist": ([X, [1], [2]], MAP),
    "mv": ([X, Weight(8)], ROW),
    "narrow": ([X, 1, 1, 2], MAP),
    "numpy_T": ([Step("numpy_T", X)], MAP),
    "permute": ([X, [0, 2, 1, 3]], MAP),
    "repeat_interleave.self_int": ([X, 2, 1], MAP),
    "roll": ([X, [1], [2]], MAP),
    "select.int": ([X, 1, 2], MAP),
    "select_scatter": ([X, Step("select.int", X, 1, 0), 1, 2], MAP),
    "slice.Tensor": ([X, 1, 1, 3], MAP),
    "slice_scatter": ([X, Step("slice.Tensor", X, 1, 0, 2), 1, 2, 4], MAP),
    "squeeze": ([X], (1, 8)),
    "squeeze.dim": ([X, 1], (1, 8)),
    "squeeze.dims": ([X, [1]], (1, 8)),
    "sum.dim_IntList": ([X, [2]], MAP),
    "t": ([Step("t", X)], ROW),
    "tensor_split.indices": ([X, [1], 1], MAP),
    "to.dtype": ([X, {"dtype": "float64"}], MAP),
    "transpose.int": ([X, 1, 3], MAP),
    "type_as": ([X, FLIPPED], MAP),
    "unbind.int": ([X, 1], MAP),
    "unflatten.int": ([X, 1, [2, 2]], MAP),
    "unfold": ([X, 2, 2, 1], MAP),
    "unsqueeze": ([X, 1], MAP),
    "view_as_complex": ([X], PAIRS),
    "view_as_real": ([Step("view_as_complex", X)], PAIRS),
    "where.ScalarOther": ([MASK, X, 0.5], MAP),
    "where.ScalarSelf": ([MASK, 0.5, X], MAP),
    "where.self": ([MASK, X, FLIPPED], MAP),
}
SMOOTH: dict[str, Arguments] = {
    **{
        name: [X]
        for name in sorted(words("asinh atan cosh digamma erfc exp2 expm1 lgamma log10 log2 sinh tan"))
    },
    **{name: [X, 1] for name in ("cumprod", "logcumsumexp", "prod.dim_int")},
    "logsumexp": [X, [1]],
    **{name: [X] for name in ("cos", "erf", "exp", "hardsigmoid", "log", "log1p", "log_sigmoid")},
    **{name: [X] for name in ("reciprocal", "rsqrt", "sigmoid", "sin", "sqrt", "tanh")},
    **{name: [X, 1] for name in ("glu", "log_softmax.int", "softmax.int")},
    **{name: [X, FLIPPED] for name in ("atan2", "hypot", "logaddexp")},
    "cdist": [X, Step("expand", Weight(1, 4, 5, 8), [BATCH, -1, -1, -1])],
    "pairwise_distance": [X, Weight(8)],
    "clamp_max": [X, 2.0],
    "pow.Scalar": [2.5, X],
}
NOTHING: dict[str, Arguments] = {
    **{name: [X] for name in ("zero", "ones_like", "zeros_like")},
    **{name: [X, 2.0] for name in ("fill.Scalar", "full_like")},
    "fill.Tensor": [X, Weight()],
    "new_full": [X, [BATCH, 3], 2.0],
    **{name: [X, [BATCH, 3]] for name in ("new_ones", "new_zeros")},
}
PAIR = Step("view", X, [BATCH])
CALLED: dict[str, tuple[Arguments, tuple[int, ...]]] = {
    "addcdiv": ([X, FLIPPED, Weight(8)], MAP),
    "bilinear": ([X, Step("expand", Weight(1, 3), [BATCH, -1]), Weight(5, 8, 3)], ROW),
    "cross": ([X, Weight(1, 3, 1, 1), 1], (3, 6, 8)),
    "linalg_cross": ([X, Weight(1, 1, 1, 3)], (8, 6, 3)),
    "inner": ([X, Weight(8)], MAP),
    "tensordot": ([X, Weight(8, 4), [1, 3], [1, 0]], MAP),
    "dot": ([PAIR, Step("view", Step("expand", Weight(1, 1), [BATCH, 1]), [BATCH])], (1,)),
    "outer": ([PAIR, Weight(5)], (1,)),
}
"""Linear in one of their arguments, which no model of test_pullbacks.py calls."""


def _thirds(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([(x[:, 0] + x[:, 0] + x[:, 2]) / 3, (x[:, 1] + x[:, 1] + x[:, 3]) / 3], 1)


Surrogate = Callable[[torch.Tensor], torch.Tensor]
POOLED = Step("max_pool2d_with_indices", X, [2, 2])
SURROGATES: dict[str, tuple[Arguments, tuple[int, ...], Surrogate]] = {
    **{name: ([X], MAP, lambda x: x) for name in ("hardshrink", "softshrink")},
    "aminmax": ([X], MAP, lambda x: x.mean(-1)),
    "cosine_similarity": (
        [X, Weight(value=torch.full((4, 1, 1), 3.0).double())],
        MAP,
        lambda x: x.sum(1) / 2,
    ),
    **{
        name: ([X, 2], MAP, lambda x: x.cumsum(2) / torch.arange(1, 7).view(6, 1))
        for name in ("cummax", "cummin")
    },
    "scatter_reduce.two": (
        [
            X,
            1,
            Step("expand", Weight(value=torch.tensor([0, 1, 0, 1]).view(1, 4, 1, 1)), [BATCH, -1, 6, 8]),
            X,
            "amax",
        ],
        MAP,
        lambda x: torch.cat([_thirds(x), x[:, 2:]], 1),
    ),
    "kthvalue": ([X, 2, 1, True], MAP, lambda x: x.mean(1, keepdim=True)),
    "max_pool2d_with_indices": ([X, [2, 2]], MAP, lambda x: functional.avg_pool2d(x, 2)),
    "max_unpool2d": (
        [Step("getitem", POOLED, 0), Step("getitem", POOLED, 1), [6, 8]],
        MAP,
        lambda x: functional.interpolate(functional.avg_pool2d(x, 2), scale_factor=2) / 4,
    ),
    "median.dim": ([X, 2], MAP, lambda x: x.mean(2)),
    "min.dim": ([X, 2], MAP, lambda x: x.mean(2)),
    "quantile.scalar": ([X, 0.3, 1], MAP, lambda x: x.mean(1)),
    "sort": ([X, 1], MAP, lambda x: x.mean(1, keepdim=True).expand_as(x)),
    "topk": ([X, 3, 1], MAP, lambda x: x.mean(1, keepdim=True).expand(-1, 3, -1, -1)),
    "adaptive_max_pool1d": ([X, [2]], LINE, lambda x: functional.adaptive_avg_pool1d(x, 2)),
    "amin": ([X, [2]], MAP, lambda x: x.mean(2)),
    "max_pool1d": ([X, [2]], LINE, lambda x: functional.avg_pool1d(x, 2)),
    "max_pool3d": ([X, [2]], SPACE, lambda x: functional.avg_pool3d(x, 2)),
    "minimum": ([X, FLIPPED], MAP, lambda x: (x + x.flip(1)) / 2),
    "pow.Tensor_Tensor": ([Weight(value=torch.full((8,), 3.0).double()), X], MAP, lambda x: x * log(3)),
}
SIZES: dict[str, Step] = {
    **{
        name: Step(name, X, which, [2, 3], True)
        for name, which in (("linalg_matrix_norm", 2), ("linalg_matrix_norm.str_ord", "fro"))
    },
    "abs": Step("abs", X),
    "linalg_norm": Step("linalg_norm", X, None, [2], True),
    "norm.ScalarOpt_dim": Step("norm.ScalarOpt_dim", X, 2, [2], True),
    "square": Step("square", X),
    "std.correction": Step("unsqueeze", Step("std.correction", X, [2]), 2),
    **{name: Step("getitem", Step(name, X, [2], True, True), 0) for name in ("std_mean.dim", "var_mean.dim")},
    **{
        name: Step("unsqueeze", Step("getitem", Step(name, X, [2]), 0), 2)
        for name in ("std_mean.correction", "var_mean.correction")
    },
    "std.dim": Step("std.dim", X, [2], True, True),
    "var.correction": Step("unsqueeze", Step("var.correction", X, [2]), 2),
    "var.dim": Step("var.dim", X, [2], True, True),
}
"""What measures features: 1, whatever they are, so that nothing follows it."""
SEVERAL = words(
    """
    adaptive_max_pool1d adaptive_max_pool2d aminmax chunk cummax cummin kthvalue max.dim
    max_pool2d_with_indices median.dim min.dim sort split.Tensor split.sizes split_with_sizes
    tensor_split.indices tensor_split.sections topk unbind.int
    """
)


NOT_COMPLEX = ("irfft", "irfft2", "irfftn", "shift")
COMPARED: dict[str, tuple[Arguments, tuple[int, ...]]] = {
    **{name: ([X], MAP) for name in ("dropout", "feature_dropout", "identity", "floor", "round", "sign")},
    **{
        name: ([X], MAP)
        for name in ("celu", "elu", "gelu", "hardswish", "leaky_relu", "mish", "relu", "relu6", "selu")
    },
    **{name: ([X], MAP) for name in ("hardtanh", "silu", "softplus", "rrelu", "ceil", "frac", "trunc")},
    **{name: ([X], MAP) for name in ("isfinite", "isinf", "isnan")},
    "heaviside": ([X, Weight(4, 1, 8)], MAP),
    "threshold": ([X, 0.1, 0.0], MAP),
    **{name: ([X, 0.25], MAP) for name in ("eq.Scalar", "ge.Scalar", "gt.Scalar", "le.Scalar", "lt.Scalar")},
    **{name: ([X, 0.25], MAP) for name in ("fmod.Scalar", "ne.Scalar", "remainder.Scalar")},
    **{
        name: ([X, Weight(4, 1, 8)], MAP)
        for name in (
            "eq.Tensor",
            "floor_divide",
            "ge.Tensor",
            "gt.Tensor",
            "le.Tensor",
            "lt.Tensor",
            "maximum",
            "ne.Tensor",
        )
    },
    "adaptive_max_pool2d": ([X, [2, 3]], MAP),
    "amax": ([X, [2, -1], True], MAP),
    "clamp": ([X, 0.0], MAP),
    "clamp_min": ([X, 0.0], MAP),
    "group_norm": ([X, 2, Weight(4), Weight(4), 1e-5], MAP),
    "instance_norm": ([X, Weight(4), Weight(4), None, None, True, 0.1, 1e-5, False], MAP),
    "layer_norm": ([X, [6, 8], Weight(6, 8), Weight(6, 8)], MAP),
    "linalg_vector_norm": ([X, 2, [1], True], MAP),
    "max.dim": ([X, 2], MAP),
    "max_pool2d": ([X, [3, 2], [2, 2], [1, 1], [1, 1], True], MAP),
    "pow.Tensor_Scalar": ([X, 2], MAP),
    "prelu": ([X, Weight(4)], MAP),
    "rms_norm": ([X, [8], Weight(8)], MAP),
    "scaled_dot_product_attention": ([X, Step("flip", X, [2]), X], MAP),
}
"""What is no linear function, or has no pullback."""
CALLS: dict[str, tuple[Arguments, tuple[int, ...]]] = {
    **EXACT,
    **CALLED,
    **{name: (arguments, MAP) for name, arguments in SMOOTH.items()},
    **{name: (arguments, shape) for name, (arguments, shape, _) in SURROGATES.items()},
    **{name: (step.arguments, MAP) for name, step in SIZES.items()},
    **COMPARED,
}
"""A call of nearly each operation: its arguments, and the shape of one input."""


def model(function: str, arguments: Arguments) -> GraphModule:
    """One call as a model, in float64."""
    steps: dict[str, Operation] = {}
    weights: dict[str, torch.Tensor] = {}

    def call(function: str, arguments: tuple[Any, ...] | list[Any]) -> dict[str, str]:
        written = tuple(argument(each) for each in arguments)
        name = f"s{len(steps)}"
        steps[name] = Operation(name, function, written, {"dim": -1} if function == "aminmax" else {})
        return {"ref": name}

    def argument(value: Any) -> Any:
        if isinstance(value, Weight):
            name = f"w{len(weights)}"
            weights[name] = value.value
            return {"tensor": name}
        if isinstance(value, Step):
            return call(value.function, value.arguments)
        return [argument(each) for each in value] if isinstance(value, list) else value

    result = call(function, arguments)
    if function in SEVERAL:
        result = call("getitem", [result, 0 if function in SURROGATES or function in COMPARED else 1])
    if function == "ravel":
        result = call("reshape", [result, [BATCH, *MAP]])
    if function == "vstack":
        result = call("permute", [result, [1, 0, 2, 3]])
    if function in ("mean", "sum", "dot"):  # over everything, the batch included
        result = call("expand", [result, [BATCH, 1]])
    if function in ("complex", "view_as_complex") or (
        function.startswith("fft_") and not function.endswith(NOT_COMPLEX)
    ):
        result = call("view_as_real", [call("resolve_conj", [result])])
    specs = {name: TensorSpec(tuple(each.shape), _dtype(each), True) for name, each in weights.items()}
    built = build_graph(ModelGraph(steps, result["ref"], specs))
    built.load_state_dict(weights, assign=True)
    return built


def _dtype(weight: torch.Tensor) -> str:
    """As when a model is traced, in float32; the test computes with more."""
    return "float32" if weight.is_floating_point() else str(weight.dtype).removeprefix("torch.")
