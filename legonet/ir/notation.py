"""The chain notation: a model as an ordered mapping of names to layers, as block files and blobs write it.

A name such as `features.4` nests: it is the name that the layer has in the original model, so that the keys
of a state dict stay what they were. `legonet.ir.lowering` makes a graph of operations of it. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema

from legonet.graph.fields import LARGEST, Integral, Model, Number, Positive

LAYER_NAME_PATTERN = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"


def _pair(value: Any) -> Any:
    """One number stands for both the height and the width."""
    if isinstance(value, list):
        value = tuple(value)
    return value if isinstance(value, tuple) else (value, value)


def _pair_schema(minimum: int) -> WithJsonSchema:
    number = {"type": "integer", "minimum": minimum, "maximum": LARGEST}
    array = {"type": "array", "prefixItems": [number, number], "minItems": 2, "maxItems": 2}
    return WithJsonSchema({"anyOf": [number, array]})


Natural = Annotated[int, Field(ge=0, le=LARGEST), Integral]
Pair = Annotated[tuple[Positive, Positive], BeforeValidator(_pair), _pair_schema(1)]
NaturalPair = Annotated[tuple[Natural, Natural], BeforeValidator(_pair), _pair_schema(0)]


class LayerModel(Model):
    """Base of all layers. A pair such as a kernel is (height, width)."""

    def data(self) -> dict[str, Any]:
        """Write the layer as plain data, without what is default: the form of block files and blobs."""
        data: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if not field.is_required() and value == field.default:
                continue
            if isinstance(value, tuple):
                value = value[0] if value[0] == value[1] else list(value)
            data[field.alias or name] = value
        return data


class Conv(LayerModel):
    """2-D cross-correlation."""

    type: Literal["conv"]
    in_channels: Positive = Field(alias="in", description="channels in")
    out_channels: Positive = Field(alias="out", description="channels out")
    kernel: Pair
    stride: Pair = (1, 1)
    padding: NaturalPair = Field(default=(0, 0), description="zeros on each side")
    dilation: Pair = (1, 1)
    groups: Positive = 1
    bias: bool = True


class ConvTranspose(LayerModel):
    """2-D transposed convolution."""

    type: Literal["conv-transpose"]
    in_channels: Positive = Field(alias="in", description="channels in")
    out_channels: Positive = Field(alias="out", description="channels out")
    kernel: Pair
    stride: Pair = (1, 1)
    padding: NaturalPair = Field(default=(0, 0), description="taken off each side of the output")
    output_padding: NaturalPair = Field(
        default=(0, 0), alias="output-padding", description="added to the output's bottom and right"
    )
    dilation: Pair = (1, 1)
    groups: Positive = 1
    bias: bool = True


class Linear(LayerModel):
    """Affine map of the last axis."""

    type: Literal["linear"]
    in_features: Positive = Field(alias="in", description="features in")
    out_features: Positive = Field(alias="out", description="features out")
    bias: bool = True


class Relu(LayerModel):
    """max(x, 0)."""

    type: Literal["relu"]


class MaxPool(LayerModel):
    """Maximum over each window."""

    type: Literal["max-pool"]
    kernel: Pair
    stride: Pair = Field(
        default_factory=lambda data: data.get("kernel", (1, 1)), description="default: kernel"
    )
    padding: NaturalPair = (0, 0)
    dilation: Pair = (1, 1)
    ceil: bool = Field(default=False, description="round the output's size up")

    def data(self) -> dict[str, Any]:
        """Write the layer as plain data, without what is default."""
        return _without_default_stride(self, super().data())


class AvgPool(LayerModel):
    """Mean over each window."""

    type: Literal["avg-pool"]
    kernel: Pair
    stride: Pair = Field(
        default_factory=lambda data: data.get("kernel", (1, 1)), description="default: kernel"
    )
    padding: NaturalPair = (0, 0)
    ceil: bool = Field(default=False, description="round the output's size up")
    count_padding: bool = Field(default=True, alias="count-padding", description="zeros count in the mean")

    def data(self) -> dict[str, Any]:
        """Write the layer as plain data, without what is default."""
        return _without_default_stride(self, super().data())


def _without_default_stride(layer: MaxPool | AvgPool, data: dict[str, Any]) -> dict[str, Any]:
    if layer.stride == layer.kernel:
        del data["stride"]
    return data


class AdaptiveAvgPool(LayerModel):
    """Mean over windows chosen so that the output has a given size."""

    type: Literal["adaptive-avg-pool"]
    size: Pair = Field(description="height and width of the output")


class Flatten(LayerModel):
    """All axes but the batch become one."""

    type: Literal["flatten"]


class Dropout(LayerModel):
    """Zeroes features at random while training; nothing in an application."""

    type: Literal["dropout"]
    probability: Annotated[Number, Field(ge=0, le=1)] = 0.5
    channels: bool = Field(default=False, description="drop whole channels")


class Identity(LayerModel):
    """Nothing."""

    type: Literal["identity"]


class BatchNorm(LayerModel):
    """Batch normalisation of channels, with the recorded statistics."""

    type: Literal["batch-norm"]
    channels: Positive
    epsilon: Annotated[Number, Field(gt=0)] = 1e-5
    affine: bool = True


class Upsample(LayerModel):
    """Interpolation to a size, or by a factor; pixels are squares, corners are not aligned."""

    type: Literal["upsample"]
    size: Pair | None = Field(default=None, description="height and width of the output")
    scale: Pair | None = Field(default=None, description="factors of height and width")
    mode: Literal["bilinear", "nearest"] = "bilinear"

    def model_post_init(self, context: Any, /) -> None:
        """Refuse both or neither of size and scale."""
        if (self.size is None) == (self.scale is None):
            raise ValueError("an upsample layer has either a size or a scale")


class Rescale(LayerModel):
    """Multiplication by one recorded number, beta."""

    type: Literal["rescale"]


Layer = Annotated[
    Conv
    | ConvTranspose
    | Linear
    | Relu
    | MaxPool
    | AvgPool
    | AdaptiveAvgPool
    | Flatten
    | Dropout
    | Identity
    | BatchNorm
    | Upsample
    | Rescale,
    Field(discriminator="type"),
]
LayerName = Annotated[str, Field(pattern=LAYER_NAME_PATTERN, max_length=256)]
Layers = Mapping[str, Layer]

_LAYER: TypeAdapter[Layer] = TypeAdapter(Layer)
_LAYERS: TypeAdapter[dict[LayerName, Layer]] = TypeAdapter(dict[LayerName, Layer])


def layer(data: Mapping[str, Any]) -> Layer:
    """Make a layer from plain data such as `{"type": "linear", "in": 8, "out": 1}`.

    Raises:
        pydantic.ValidationError: The data is no layer.
    """
    return _LAYER.validate_python(dict(data))


def layers_from_data(data: Any) -> dict[str, Layer]:
    """Make a chain from plain data: a mapping of names to layers.

    Raises:
        pydantic.ValidationError: The data is no chain.
    """
    return _LAYERS.validate_python(data)


def layers_data(layers: Layers) -> dict[str, Any]:
    """Write a chain as plain data; `layers_from_data` reads it back to an equal chain."""
    return {name: layer.data() for name, layer in layers.items()}


def expectation(layer: Layer) -> tuple[str, Callable[[Sequence[int]], bool]]:
    """The shape that a layer takes, without the batch: in words, and as a test."""
    channels: int | None = None
    match layer:
        case Conv() | ConvTranspose():
            channels = layer.in_channels
        case BatchNorm():
            channels = layer.channels
        case Linear():
            features = layer.in_features
            return f"({features})", lambda shape: bool(shape) and shape[-1] == features
        case Relu() | Flatten() | Identity() | Rescale() | Dropout(channels=False):
            return "any shape", lambda shape: True
        case _:
            pass  # takes maps of any number of channels
    words = f"({channels or 'channels'}, height, width)"
    return words, lambda shape: len(shape) == 3 and channels in (None, shape[0])


def name_conflict(names: Iterable[str]) -> tuple[str, str] | None:
    """Find the first name that cannot nest with the names before it.

    Args:
        names: Names of a chain's layers, in order.

    Returns:
        The name and what is wrong with it; None if all nest.
    """
    closed: set[str] = set()
    leaves: set[str] = set()
    open_before: set[str] = set()
    for name in names:
        parts = tuple(name.split("."))
        prefixes = [".".join(parts[:length]) for length in range(1, len(parts))]
        for prefix in prefixes:
            if prefix in leaves:
                return name, f"'{prefix}' is a layer itself"
            if prefix in closed:
                return name, f"other layers stand between it and the layers of '{prefix}' above"
        if name in closed or name in open_before:
            return name, f"there are layers inside '{name}' above"
        if name in leaves:
            return name, "a layer above has the same name"
        closed |= open_before.difference(prefixes)
        leaves.add(name)
        open_before = set(prefixes)
    return None
