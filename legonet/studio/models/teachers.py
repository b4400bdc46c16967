"""Uploads, and what becomes a teacher."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from legonet.graph.fields import FilePath, Label, Name
from legonet.studio.models.base import Answer, Request, Shape

UploadId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ModelName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f/\\]+$")]


class Upload(Answer):
    """A file of weights that was taken in."""

    upload: str = Field(description="its sha256")
    kind: Literal["safetensors", "pt"]
    bytes: int
    names: dict[str, Shape] = Field(description="its tensors; at most a thousand of them are named")
    tensors: int


class FoundWeights(Answer):
    """Weights that lie beside the graph file and that no teacher uses."""

    file: str = Field(description="relative to the graph file, as a teacher's `weights`")
    bytes: int
    tensors: int
    statistics: str | None = Field(description="the file of statistics beside it")
    like: dict[str, Name] = Field(
        description="by task, a teacher whose weights have tensors of the same names and shapes"
    )


class AllFound(Answer):
    """What a teacher could be made of without an upload."""

    weights: tuple[FoundWeights, ...]


class Inspect(Request):
    """A model, and the weights that it is to have."""

    model: ModelName = Field(description="a block, torchvision:NAME or timm:NAME")
    upload: UploadId | None = Field(default=None, description="weights, to see whether they fit; or")
    weights: FilePath | None = Field(default=None, description="a file of GET /weights")
    example_shape: list[Annotated[int, Field(ge=1, le=4096)]] | None = Field(
        default=None, min_length=3, max_length=3, description="channels, height, width"
    )
    output: Label | None = Field(default=None, description="as `legonet teacher inspect --output`")


class CutData(Answer):
    """A place where a model can be cut."""

    module: str
    names: tuple[str, ...]
    shape: Shape
    parameters: tuple[int, int] = Field(description="below and above")
    operations: tuple[int, int] = Field(description="multiplications below and above")
    recommended: bool
    end: bool = Field(description="whether it is one of the few that are worth showing")


class Inspected(Answer):
    """Where a model can be cut."""

    model: str
    example_shape: Shape
    output_shape: Shape
    output: dict[str, Any] | None = Field(description="of a new task of it, as in a graph file")
    output_problem: str = Field(description="why there is none")
    cuts: tuple[CutData, ...]
    notes: tuple[str, ...] = Field(description="of how the weights fit")


class NewTeacher(Request):
    """What `legonet teacher add` asks for."""

    upload: UploadId
    model: ModelName
    name: Name
    category: Name
    task: Name
    cut: Label
    output: Label | None = None
    key: Label | None = Field(default=None, description="the set of weights to take, where there are several")
    by_order: bool = False
    on_conflict: Literal["keep", "replace", "variant"] = "keep"
    example_shape: list[Annotated[int, Field(ge=1, le=4096)]] | None = Field(
        default=None, min_length=3, max_length=3
    )
    input: dict[str, Any] | None = Field(
        default=None, description="the images that it takes, as in a graph file"
    )
