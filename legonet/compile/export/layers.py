"""Operations that are layers of torch.nn, such as a convolution with its own weights. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from legonet.compile.export.calls import Given, given
from legonet.compile.export.constructors import Argument, Code, Make, simple
from legonet.ir.graph import Operation, Shape


@dataclass(frozen=True)
class Layer:
    """An operation as a layer.

    Attributes:
        make: How it is made.
        tensors: The model's tensors by their names in the layer.
        owner: Where the tensors stand in the model; None for a layer without any.
    """

    make: Make
    tensors: dict[str, str] = field(default_factory=dict)
    owner: str | None = None


class _Call:
    """What the makers of layers look at."""

    def __init__(self, step: Operation, state: Mapping[str, Tensor], shapes: Mapping[str, Shape]) -> None:
        self.arguments: Given = given(step)
        self.function = step.function
        self.state, self.shapes = state, shapes

    def tensor(self, name: str) -> str | None:
        """The model's tensor that is an argument."""
        value = self.arguments.get(name)
        return value["tensor"] if isinstance(value, Mapping) and "tensor" in value else None

    def axes(self, name: str) -> int:
        """How many axes the features have, the batch included; 0: not known."""
        value = self.arguments.get(name)
        known = isinstance(value, Mapping) and "ref" in value
        return len(self.shapes.get(value["ref"], ())) if known else 0

    def option(self, name: str, default: Any, source: str = "") -> Argument:
        """An option of the layer that ATen calls the same, or as `source` says."""
        value = simple(self.arguments.get(source or name, default))
        return Argument(name, default if value == () else value, default)


def layer_of(step: Operation, state: Mapping[str, Tensor], shapes: Mapping[str, Shape]) -> Layer | None:
    """The layer that computes what an operation does.

    Args:
        step: Of a model.
        state: The model's tensors.
        shapes: Of the results that are tensors, the batch included.

    Returns:
        The layer, whatever module called the operation; None: there is none.
    """
    maker = _LAYERS.get(step.function.removesuffix("_"))
    call = _Call(step, state, shapes)
    first = next(iter(call.arguments.positional.values()), None)
    if maker is None or not isinstance(first, Mapping) or "ref" not in first:
        return None
    if len(list(step.references())) > 1:
        return None
    layer = maker(call)
    if layer is None or not layer.tensors:
        return layer
    if set(step.tensors()) != set(layer.tensors.values()):
        return None
    owners = {name.rpartition(".")[0] for name in layer.tensors.values()}
    dtypes = {state[name].dtype for name in layer.tensors.values()}
    if len(owners) > 1 or len(dtypes) > 1 or len(set(layer.tensors.values())) < len(layer.tensors):
        return None
    (owner,), (dtype,) = owners, dtypes
    kind = Argument("dtype", Code(dtype), Code("torch.float32"))
    counter = f"{owner}.num_batches_tracked"
    more = {"num_batches_tracked": counter} if "running_mean" in layer.tensors and counter in state else {}
    make = (
        layer.make if layer.make.what == "Rescale" else Make(layer.make.what, (*layer.make.arguments, kind))
    )
    return Layer(make, layer.tensors | more, owner)


_Maker = Callable[[_Call], Layer | None]


def _weights(call: _Call, *names: str) -> dict[str, str] | None:
    """Tensors by the names that ATen and the layer both give them; None: one is not a tensor of the model."""
    found = {}
    for name in names:
        tensor = call.tensor(name)
        if tensor is not None:
            found[name] = tensor
        elif call.arguments.get(name) is not None:
            return None
    return found


def _convolution(kind: str) -> _Maker:
    def make(call: _Call) -> Layer | None:
        tensors = _weights(call, "weight", "bias")
        if not tensors or "weight" not in tensors:
            return None
        shape, groups = call.state[tensors["weight"]].shape, call.arguments.get("groups", 1)
        transposed = "Transpose" in kind
        first, second = shape[0], shape[1] * groups
        ins, outs = (first, second) if transposed else (second, first)
        axes = len(shape)
        if call.axes("input") != axes:
            return None
        more = [call.option("output_padding", 0)] if transposed else []
        arguments = (
            Argument("in_channels", ins),
            Argument("out_channels", outs),
            Argument("kernel_size", simple(tuple(shape[2:]))),
            call.option("stride", 1),
            call.option("padding", 0),
            *more,
            call.option("dilation", 1),
            Argument("groups", groups, 1),
            Argument("bias", "bias" in tensors, True),
        )
        return Layer(Make(kind, arguments), tensors)

    return make


def _linear(call: _Call) -> Layer | None:
    tensors = _weights(call, "weight", "bias")
    if not tensors or "weight" not in tensors or call.state[tensors["weight"]].ndim != 2:
        return None
    outs, ins = call.state[tensors["weight"]].shape
    bias = Argument("bias", "bias" in tensors, True)
    return Layer(
        Make("nn.Linear", (Argument("in_features", ins), Argument("out_features", outs), bias)), tensors
    )


def _batch_norm(call: _Call) -> Layer | None:
    tensors = _weights(call, "weight", "bias", "running_mean", "running_var")
    kind = {2: "1d", 3: "1d", 4: "2d", 5: "3d"}.get(call.axes("input"))
    affine = tensors is not None and "weight" in tensors
    if not tensors or kind is None or call.arguments["training"] or "running_mean" not in tensors:
        return None
    if affine != ("bias" in tensors):
        return None
    channels = Argument("channels", len(call.state[tensors["running_mean"]]))
    options = (Argument("eps", call.arguments["eps"], 1e-5), Argument("affine", affine, True))
    return Layer(Make(f"nn.BatchNorm{kind}", (channels, *options)), tensors)


def _layer_norm(call: _Call) -> Layer | None:
    tensors = _weights(call, "weight", "bias")
    if tensors is None or tensors.keys() == {"bias"}:
        return None
    shape = call.arguments["normalized_shape"]
    options = (
        Argument("eps", call.arguments.get("eps", 1e-5), 1e-5),
        Argument("elementwise_affine", bool(tensors), True),
        Argument("bias", not tensors or "bias" in tensors, True),
    )
    size = Argument("features", shape[0] if len(shape) == 1 else tuple(shape))
    return Layer(Make("nn.LayerNorm", (size, *options)), tensors)


def _group_norm(call: _Call) -> Layer | None:
    tensors = _weights(call, "weight", "bias")
    if tensors is None or len(tensors) == 1:
        return None
    channels = (
        len(call.state[tensors["weight"]]) if tensors else call.shapes[call.arguments["input"]["ref"]][1]
    )
    options = (
        Argument("eps", call.arguments.get("eps", 1e-5), 1e-5),
        Argument("affine", bool(tensors), True),
    )
    sizes = (Argument("num_groups", call.arguments["num_groups"]), Argument("channels", channels))
    return Layer(Make("nn.GroupNorm", (*sizes, *options)), tensors)


def _rescale(call: _Call) -> Layer | None:
    """The layer of legonet that multiplies by one recorded number."""
    beta = call.tensor("other")
    if beta is None or beta.rpartition(".")[2] != "beta" or call.state[beta].ndim:
        return None
    return Layer(Make("Rescale"), {"beta": beta})


def _plain(kind: str, **options: Any) -> _Maker:
    """A layer without tensors whose options ATen calls the same; a value is the default, `...` none."""

    def make(call: _Call) -> Layer | None:
        if not call.arguments.positional.keys() - {"self", "input"} <= options.keys():
            return None
        arguments = []
        for name, default in options.items():
            value = simple(call.arguments.get(name, default))
            value = default if value == () else value
            if value is ... or isinstance(value, Mapping):
                return None
            arguments.append(Argument(name, value) if default is ... else Argument(name, value, default))
        return Layer(Make(kind, tuple(arguments)))

    return make


def _pool(kind: str, **options: Any) -> _Maker:
    """A pooling, whose stride is its kernel where it is not given."""
    plain = _plain(kind, kernel_size=..., stride=None, padding=0, **options)

    def make(call: _Call) -> Layer | None:
        layer = plain(call)
        if layer is None:
            return None
        kernel, stride, *others = layer.make.arguments
        assert isinstance(kernel, Argument)  # noqa: S101 - made above
        assert isinstance(stride, Argument)  # noqa: S101 - likewise
        is_kernel = stride.value in (None, kernel.value)
        return Layer(Make(kind, (kernel, *([] if is_kernel else [stride]), *others)))

    return make


def _activation(kind: str, **options: Any) -> _Maker:
    """An activation, which may overwrite what it takes."""
    plain = _plain(kind, **options)

    def make(call: _Call) -> Layer | None:
        layer = plain(call)
        if layer is None or not call.function.endswith("_"):
            return layer
        return Layer(Make(kind, (*layer.make.arguments, Argument("inplace", True, False))))

    return make


def _gelu(call: _Call) -> Layer:
    return Layer(
        Make("nn.GELU", (Argument("approximate", call.arguments.get("approximate", "none"), "none"),))
    )


def _hardtanh(call: _Call) -> Layer | None:
    if (call.arguments.get("min_val"), call.arguments.get("max_val")) != (0, 6):
        return _activation("nn.Hardtanh", min_val=-1, max_val=1)(call)
    in_place = Argument("inplace", call.function.endswith("_"), False)
    return Layer(Make("nn.ReLU6", (in_place,)))


def _flatten(call: _Call) -> Layer:
    first, last = call.arguments.get("start_dim", 0), call.arguments.get("end_dim", -1)
    return Layer(Make("nn.Flatten", (Argument("start_dim", first, 1), Argument("end_dim", last, -1))))


def _softmax(kind: str) -> _Maker:
    def make(call: _Call) -> Layer | None:
        if call.arguments.get("dtype") is not None:
            return None
        return Layer(Make(kind, (Argument("dim", call.arguments["dim"], None),)))

    return make


def _upsample(mode: str) -> _Maker:
    def make(call: _Call) -> Layer | None:
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


_LAYERS: dict[str, _Maker] = {
    **{f"conv{axes}d": _convolution(f"nn.Conv{axes}d") for axes in (1, 2, 3)},
    **{f"conv{axes}d.padding": _convolution(f"nn.Conv{axes}d") for axes in (1, 2, 3)},
    "conv_transpose1d": _convolution("nn.ConvTranspose1d"),
    "conv_transpose2d.input": _convolution("nn.ConvTranspose2d"),
    "conv_transpose3d.input": _convolution("nn.ConvTranspose3d"),
    "linear": _linear,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "mul.Tensor": _rescale,
    "relu": _activation("nn.ReLU"),
    "relu6": _activation("nn.ReLU6"),
    "hardswish": _activation("nn.Hardswish"),
    "hardsigmoid": _activation("nn.Hardsigmoid"),
    "silu": _activation("nn.SiLU"),
    "mish": _activation("nn.Mish"),
    "selu": _activation("nn.SELU"),
    "elu": _activation("nn.ELU", alpha=1),
    "celu": _activation("nn.CELU", alpha=1),
    "leaky_relu": _activation("nn.LeakyReLU", negative_slope=0.01),
    "hardtanh": _hardtanh,
    "softplus": _plain("nn.Softplus", beta=1, threshold=20),
    "sigmoid": _plain("nn.Sigmoid"),
    "tanh": _plain("nn.Tanh"),
    "gelu": _gelu,
    "softmax.int": _softmax("nn.Softmax"),
    "log_softmax.int": _softmax("nn.LogSoftmax"),
    "max_pool2d": _pool("nn.MaxPool2d", dilation=1, ceil_mode=False),
    "avg_pool2d": _pool("nn.AvgPool2d", ceil_mode=False, count_include_pad=True, divisor_override=None),
    "adaptive_avg_pool1d": _plain("nn.AdaptiveAvgPool1d", output_size=...),
    "adaptive_avg_pool2d": _plain("nn.AdaptiveAvgPool2d", output_size=...),
    "flatten.using_ints": _flatten,
    "upsample_nearest2d.vec": _upsample("nearest"),
    "upsample_bilinear2d.vec": _upsample("bilinear"),
    "upsample_bicubic2d.vec": _upsample("bicubic"),
    "pixel_shuffle": _plain("nn.PixelShuffle", upscale_factor=...),
    "pixel_unshuffle": _plain("nn.PixelUnshuffle", downscale_factor=...),
    "identity": lambda call: Layer(Make("nn.Identity")),
    "dropout": lambda call: Layer(Make("nn.Dropout")),
    "feature_dropout": lambda call: Layer(Make("nn.Dropout2d")),
}
"""By operation."""
