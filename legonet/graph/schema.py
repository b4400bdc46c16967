"""The graph file's models: what a network is, as written by people.

Every model is frozen and refuses unknown keys. The JSON Schema made from them (`legonet schema`)
accepts exactly what they accept; what goes beyond one file's structure (references, files, shapes)
is checked in `legonet.graph.check`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from legonet.graph.fields import (
    FORMAT,
    LARGEST,
    Address,
    Array,
    FilePath,
    Integral,
    Label,
    Model,
    Name,
    Number,
    PathName,
    Positive,
    Sha256,
    Size,
)
from legonet.graph.method import METHODS, Method
from legonet.graph.output import OUTPUTS, Output

FORMAT_VERSION = 1


class Input(Model):
    """The image that category modules see. Of one kind so far; a second one makes this a union by `kind`."""

    shape: Annotated[tuple[Size, Size, Size], Array] = Field(description="channels, height, width")
    mean: Annotated[tuple[Number, ...], Field(min_length=1), Array] | None = Field(
        default=None, description="subtracted from each channel of an image in [0, 1]"
    )
    std: Annotated[tuple[Annotated[Number, Field(gt=0)], ...], Field(min_length=1), Array] | None = Field(
        default=None, description="each channel is divided by this after the mean is subtracted"
    )
    kind: Literal["image"] = Field(
        default="image",
        description="legonet takes images; sound, text and the like are not supported",
    )
    resize: Literal["fit", "crop", "pad", "squash"] = Field(
        default="fit",
        description="how a photo of another size becomes an image; 'fit': all of it, what it leaves over has "
        "the mean; 'crop': its middle, which leaves nothing over; 'pad': its pixels keep their size and are "
        "cut or filled at the borders; 'squash': each side by itself, so that shapes are distorted",
    )
    interpolation: Literal["bilinear", "bicubic", "nearest"] = Field(
        default="bilinear", description="how a photo is resized; of a smaller image, pixels are averaged"
    )

    def in_words(self) -> str:
        """Such as `3x224x224, mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225, crop, bicubic`."""
        parts = ["x".join(map(str, self.shape))]
        for name, values in (("mean", self.mean), ("std", self.std)):
            parts += [] if values is None else [f"{name} {', '.join(f'{each:g}' for each in values)}"]
        return ", ".join([*parts, self.resize, self.interpolation])

    @model_serializer(mode="wrap")
    def _without_later_settings(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Settings that came later are written where they are set: what was fitted before keeps its key."""
        data: dict[str, Any] = write(self)
        for name in ("kind", "resize", "interpolation"):
            if getattr(self, name) == type(self).model_fields[name].default:
                data.pop(name, None)
        return data


AnyOutput = Annotated[Output, OUTPUTS]


class Solving(Model):
    """Least squares for the adapter's first convolution; see `legonet.distill.least_squares`."""

    draws: Positive = Field(default=128, description="random draws of output gradient and ReLU masks")
    masks: Literal["recorded", "random", "imagined"] = Field(
        default="recorded",
        description="'recorded': a unit passes as often as it was active on its owner's images, "
        "where the teacher's statistics say so; 'random': with probability `keep`; 'imagined': units pass "
        "together that the teacher's task module lets pass together, on synthesised and given features",
    )
    keep: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.5, description="probability that a random mask lets a unit pass"
    )
    ridge: Annotated[Number, Field(ge=0)] = Field(
        default=1e-6, description="ridge, relative to the mean of the Gram matrix's diagonal"
    )


AnyMethod = Annotated[str | Method, METHODS]


class Adapter(Model):
    """A stack of convolutions on the edge from a category module to a task module."""

    kernel: Annotated[Literal[1, 3, 5, 7, 9, 11], Integral] = Field(
        default=3, description="height and width of each convolution"
    )
    depth: Annotated[int, Field(ge=1, le=64), Integral] = Field(
        default=1, description="number of convolutions, each followed by the activation"
    )
    hidden: Size | None = Field(
        default=None, description="channels between the convolutions; default: those of the output"
    )
    channels: Annotated[tuple[Size, Size], Array] | None = Field(
        default=None, description="channels in and out; default: those of the two modules it joins"
    )
    activation: Literal["relu", "none"] | None = Field(
        default=None,
        description="of each convolution; default: relu, or none where the task module takes "
        "features with signs",
    )
    rescale: bool = Field(
        default=True, description="multiply the features by beta, the ratio of the mean feature norms"
    )
    method: AnyMethod = Field(
        default="auto", description="how it is fitted: a method's name, or its settings"
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST), Integral] = 0

    @property
    def settings(self) -> Method:
        """The method with its settings; where the file gives only its name, with the defaults."""
        if not isinstance(self.method, str):
            return self.method
        return METHODS.read(self.method)


class Category(Model):
    """A category module."""

    label: Label | None = Field(default=None, description="how people call it; default: its name")
    teacher: Name | None = Field(
        default=None, description="the teacher that gives the module; default: the first that arrives"
    )
    input: Input | None = Field(
        default=None,
        description="the image that its module and its teachers see; default: the network's. What it leaves "
        "out is not taken from the network's",
    )


class Task(Model):
    """A generic task module, shared by all categories, and the meaning of its output."""

    output: AnyOutput
    teacher: Name | None = Field(
        default=None, description="the teacher that gives the module; default: see `choose`"
    )
    choose: Literal["first", "best"] = Field(
        default="first",
        description="which teacher gives the module where none is named: the first that arrives, or the one "
        "of the best recorded quality; once built it stays until another one is named",
    )
    adapter: Adapter = Field(
        default=Adapter(), description="the adapter of each edge to this task, unless `adapters` names it"
    )


class Teacher(Model):
    """A trained network for one category and one task, cut into a category and a task module."""

    category: Name
    task: Name
    model: Label = Field(description="a block of the workspace")
    weights: FilePath = Field(description="safetensors file, relative to the graph file")
    sha256: Sha256 | None = Field(default=None, description="of the weights file; checked if given")
    statistics: FilePath | None = Field(
        default=None, description="what `legonet teacher record` wrote; default: beside the weights"
    )
    cut: Label = Field(description="the category module ends with the layer of this name")
    output: Label | None = Field(
        default=None,
        description="which output of a library's model counts, and last steps, such as `out | mean 2 3`",
    )
    quality: Number | None = Field(
        default=None, description="as its owner measured it; more is better, by one measure within a task"
    )
    licence: Label | None = Field(
        default=None,
        description="of its weights, such as MIT or CC-BY-4.0; names of SPDX are understood most",
    )
    source: Address | None = Field(default=None, description="where it comes from: an address, or words")
    source_sha256: Sha256 | None = Field(
        default=None, description="of the file that its weights were fetched as"
    )


class Graph(Model):
    """A transplant network: its modules, adapters, teachers and applications."""

    legonet: Annotated[Literal[1], Integral] = Field(description=FORMAT)
    name: Name
    input: Input
    categories: dict[Name, Category] = Field(default={})
    tasks: dict[Name, Task] = Field(default={})
    adapters: dict[PathName, Adapter] = Field(
        default={}, description="category:task, where it differs from the task's `adapter`"
    )
    teachers: dict[Name, Teacher] = Field(default={}, description="in order of arrival")
    applications: dict[Name, Annotated[tuple[PathName, ...], Field(min_length=1), Array]] = Field(
        default={}, description="named choices of paths"
    )
    proxies: FilePath | None = Field(
        default=None,
        description="a folder of photos, relative to the graph file, whatever they show; adapters that are "
        "fitted without images, or from few, learn from crops of at most 64 of them, too",
    )
    remote: Address | None = Field(
        default=None,
        description="where `legonet push` and `legonet pull` keep it, once you have allowed that place",
    )

    def input_of(self, category: str) -> Input:
        """The image that a category's module sees; of one that the graph does not have, the network's."""
        known = self.categories.get(category)
        return self.input if known is None or known.input is None else known.input
