"""A vector of numbers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import Array, Label
from legonet.graph.output import Shape, in_words
from legonet.outputs.regression import Regression


class VectorOutput(Regression):
    """A vector of numbers, such as a pose."""

    kind: Literal["vector"]
    names: Annotated[tuple[Label, ...], Field(min_length=1), Array] = Field(
        description="what each number means"
    )
    guessed_from: ClassVar[str] = "a vector (size)"

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one number per name."""
        return (len(self.names),)

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the numbers' names."""
        return in_words(self.names, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "1 number" if len(self.names) == 1 else f"{len(self.names)} numbers"

    def legend(self) -> str:
        """Return how to read the vector."""
        return "one number per name"

    @classmethod
    def guess(cls, shape: Shape, image: Shape) -> dict[str, Any] | None:
        """Take several numbers for a vector."""
        if len(shape) != 1:
            return None
        return {"kind": "vector", "names": [f"value {index}" for index in range(shape[0])]}

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on names."""
        return self.kind
