"""What a new teacher is made of, as one value that travels from its owner to the graph. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from legonet.graph.editing.on_conflict import OnConflict, read_on_conflict

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NewTeacher:
    """A model that is to become a teacher, and what its owner says of it.

    Attributes:
        name: of the teacher.
        module: any model that leads one tensor to its output.
        category: that it was trained for.
        task: that it was trained for.
        cut: the category module ends with the layer, module or operation of this name; or a fraction of the
            model's multiplications.
        output: which output counts, where the model gives several.
        example_shape: (channels, height, width) of the images that it is traced with; default: the network's.
        copy: whether its weights are copied; otherwise they must not change as long as the teacher is used.
        on_conflict: what becomes of a known category whose module is another one; see
            `legonet.graph.editing.on_conflict`.

    Raises:
        SelectError: `on_conflict` is none of `keep`, `replace` and `variant`.
    """

    name: str
    module: nn.Module
    category: str
    task: str
    cut: str | float
    output: str | None = None
    example_shape: tuple[int, ...] | None = None
    copy: bool = True
    on_conflict: OnConflict = "keep"

    def __post_init__(self) -> None:
        read_on_conflict(self.on_conflict)

    @property
    def where(self) -> str:
        """What messages call it, such as `teachers.cat-v1`."""
        return f"teachers.{self.name}"
