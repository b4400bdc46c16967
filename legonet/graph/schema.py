"""The graph file's models: what a network is, as written by people.

Every model is frozen and refuses unknown keys. The JSON Schema made from them (`legonet schema`)
accepts exactly what they accept; what goes beyond one file's structure (references, files, shapes)
is checked in `legonet.graph.check`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, TypeAdapter, model_serializer

from legonet.graph.fields import (
    LARGEST,
    Array,
    FilePath,
    Integral,
    Label,
    Model,
    Name,
    Natural,
    Number,
    PathName,
    Positive,
    Sha256,
    Size,
)
from legonet.graph.output import OUTPUTS, Output

FORMAT_VERSION = 1


class Input(Model):
    """The image that every category module sees."""

    shape: Annotated[tuple[Size, Size, Size], Array] = Field(description="channels, height, width")
    mean: Annotated[tuple[Number, ...], Field(min_length=1), Array] | None = Field(
        default=None, description="subtracted from each channel of an image in [0, 1]"
    )
    std: Annotated[tuple[Annotated[Number, Field(gt=0)], ...], Field(min_length=1), Array] | None = Field(
        default=None, description="each channel is divided by this after the mean is subtracted"
    )


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


class _ClosedForm(Model):  # fields of the last base come first: a method begins with its name
    name: Literal["closed-form"]


class ClosedForm(Solving, _ClosedForm):
    """Least squares for the adapter's first convolution, and a short matching of outputs."""

    matching: Natural = Field(
        default=100, description="steps of output matching after the solution, which sets the output's offset"
    )


class BackDistillation(Model):
    """The paper's equation 3 with pseudo-gradients (4b), by stochastic gradient descent."""

    name: Literal["back-distillation"]
    steps: Positive = Field(default=1500, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=8, description="draws, and images if there are any, per step")
    gradient: Literal["ones", "uniform"] = Field(
        default="uniform", description="G: all ones (the paper's Experiment 1), or uniform in [-1, 1]"
    )
    enlarge: Positive = Field(
        default=1, description="G of a vector output is spread over this many positions each way"
    )
    relu: Literal["identity", "masked", "lowest-masked"] = Field(
        default="masked",
        description="dummy ReLU of the task modules: 1st kind everywhere; 2nd kind everywhere; "
        "2nd kind in the lowest ReLU only (the paper's Experiment 2)",
    )
    channels: Literal["independent", "shared"] = Field(
        default="independent", description="whether x_rand differs between channels"
    )
    keep: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.5, description="fraction of positive elements of x_rand"
    )
    weight: Annotated[Number, Field(ge=0)] = Field(
        default=10.0, description="lambda is this divided by the mean norm of D'_T"
    )
    task_loss: bool = Field(default=True, description="add the task loss where labelled samples are given")


class Ordinary(Model):
    """The paper's baseline OL: the task's own loss on labelled samples."""

    name: Literal["ordinary"]
    steps: Positive = Field(default=1000, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=32, description="images per step")


class Distillation(Model):
    """The paper's baseline TD: the teacher's softened outputs on samples, labelled or not."""

    name: Literal["distillation"]
    steps: Positive = Field(default=1000, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=32, description="images per step")
    temperature: Annotated[Number, Field(gt=0)] = Field(
        default=4.0, description="scores are divided by this before they become probabilities"
    )
    task_loss: bool = Field(default=True, description="add the task loss where samples have labels")


class Jacobian(Model):
    """Outputs and real gradients (2) of student and teacher, matched on samples, labelled or not."""

    name: Literal["jacobian"]
    steps: Positive = Field(default=300, description="optimiser steps")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=16, description="images per step")
    weight: Annotated[Number, Field(ge=0)] = Field(
        default=1.0, description="of the gradients' mismatch, beside the outputs'"
    )
    task_loss: bool = Field(default=True, description="add the task loss where samples have labels")


class Inversion(Model):
    """Outputs and real gradients, matched on images that are synthesised from the teacher."""

    name: Literal["inversion"]
    images: Positive = Field(default=256, description="how many are synthesised")
    steps: Positive = Field(default=300, description="optimiser steps of the matching")
    learning_rate: Annotated[Number, Field(gt=0)] = 1e-3
    batch: Positive = Field(default=16, description="images per step")
    weight: Annotated[Number, Field(ge=0)] = Field(
        default=1.0, description="of the gradients' mismatch, beside the outputs'"
    )


LEARNING_RATE = 3e-3  # of the refinement of `auto`


class Auto(Model):
    """Closed form, calibration, refinement by whatever there is; the best by held-out agreement is kept."""

    name: Literal["auto"]
    steps: Positive = Field(
        default=400,
        description="optimiser steps of the refinement; up to four times as many with many images",
    )
    imagined: Positive = Field(default=512, description="features that are synthesised to learn from")
    learning_rate: Annotated[Number, Field(gt=0)] = Field(
        default=LEARNING_RATE, description="of the refinement; deep task modules need a smaller one"
    )
    start: Solving = Field(default_factory=Solving, description="the closed form that it starts from")
    gradients: Annotated[Number, Field(ge=0)] = Field(
        default=1.0,
        description="without a common base: weight of the real gradients' mismatch beside the outputs'; "
        "with 0 a step has four times as many features instead",
    )

    @model_serializer(mode="wrap")
    def _without_later_settings(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Settings that came later are written where they are set: what was fitted before keeps its key."""
        data: dict[str, Any] = write(self)
        for name, usual in (("learning_rate", LEARNING_RATE), ("start", Solving()), ("gradients", 1.0)):
            if getattr(self, name) == usual:
                data.pop(name, None)
        return data


AnyMethod = Auto | ClosedForm | BackDistillation | Ordinary | Distillation | Jacobian | Inversion
Method = Annotated[AnyMethod, Field(discriminator="name")]
MethodName = Literal[
    "auto", "closed-form", "back-distillation", "ordinary", "distillation", "jacobian", "inversion"
]


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
    activation: Literal["relu", "none"] = "relu"
    rescale: bool = Field(
        default=True, description="multiply the features by beta, the ratio of the mean feature norms"
    )
    method: MethodName | Method = Field(
        default="auto", description="how it is fitted: a method's name, or its settings"
    )
    seed: Annotated[int, Field(ge=0, le=LARGEST), Integral] = 0

    @property
    def settings(self) -> AnyMethod:
        """The method with its settings; where the file gives only its name, with the defaults."""
        if not isinstance(self.method, str):
            return self.method
        return _METHODS.validate_python({"name": self.method})


_METHODS: TypeAdapter[AnyMethod] = TypeAdapter(Method)


class Category(Model):
    """A category module."""

    label: Label | None = Field(default=None, description="how people call it; default: its name")
    teacher: Name | None = Field(
        default=None, description="the teacher that gives the module; default: the first that arrives"
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
    quality: Number | None = Field(
        default=None, description="as its owner measured it; more is better, by one measure within a task"
    )


class Graph(Model):
    """A transplant network: its modules, adapters, teachers and applications."""

    legonet: Annotated[Literal[1], Integral] = Field(description="format version")
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
