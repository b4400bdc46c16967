"""The block file's model: an architecture as layers, operations or a library's builder. Needs no torch."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from legonet.graph.fields import FORMAT, Array, Integral, Model, Name, Number, Size
from legonet.ir.graph import ModelGraph, graph_from_data
from legonet.ir.lowering import lower
from legonet.ir.notation import Layer, LayerName

BUILDER_PATTERN = r"^[a-z0-9_-]+:[A-Za-z0-9_.-]+$"
Scalar = str | bool | int | Number | None


class Block(Model):
    """A named architecture: layers, operations, or a library's builder and its arguments."""

    format: Annotated[Literal[1], Integral] = Field(alias="legonet-block", description=FORMAT)
    name: Name
    description: str = ""
    input: Annotated[tuple[Size, Size, Size], Array] = Field(description="channels, height, width")
    layers: Annotated[dict[LayerName, Layer], Field(min_length=1)] | None = Field(
        default=None, description="in order; names are the keys of the weights"
    )
    builder: Annotated[str, Field(pattern=BUILDER_PATTERN)] | None = Field(
        default=None, description="library:model, instead of layers"
    )
    arguments: dict[str, Scalar] = Field(default={}, description="of the builder")
    operations: dict[str, Any] | None = Field(
        default=None, description="a model that is no chain, as `legonet teacher add` writes it"
    )
    cuts: Annotated[tuple[LayerName, ...], Array] = Field(
        default=(), description="layers that a category module may end with; the first is recommended"
    )

    def model_post_init(self, context: Any, /) -> None:
        """Refuse more or less than one of layers, builder and operations."""
        if sum(each is not None for each in (self.layers, self.builder, self.operations)) != 1:
            raise ValueError("a block has either layers, a builder or operations")
        if self.arguments and self.builder is None:
            raise ValueError("only a builder takes arguments")
        if self.operations is not None:
            _ = self.architecture

    @cached_property
    def architecture(self) -> ModelGraph | None:
        """Its graph of operations; None for a builder, which has to be asked."""
        if self.layers is not None:
            return lower(self.layers, where=f"block {self.name}: layers")
        return None if self.operations is None else graph_from_data(self.operations)
