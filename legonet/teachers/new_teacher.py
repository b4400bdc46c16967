"""What a new teacher is made of, as one value that travels from its owner to the graph. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from legonet.graph.address import without_secrets
from legonet.graph.editing.on_conflict import OnConflict, read_on_conflict
from legonet.graph.schema import Input

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class NewTeacher:
    """A model that is to become a teacher, and what its owner says of it.

    Attributes:
        name: The teacher's name.
        module: Any model that leads one tensor to its output.
        category: The category that it was trained for.
        task: The task that it was trained for.
        cut: The layer, module or operation that the category module ends with; or a fraction of the model's
            multiplications.
        output: Which output counts, where the model gives several.
        example_shape: The shape (channels, height, width) of the images that it is traced with; default: the
            network's.
        copy: Whether its weights are copied; otherwise they must not change as long as the teacher is used.
        input: What its images are, if not what its category's are; see `legonet.graph.schema.Input`.
        on_conflict: What becomes of a known category whose module is another one; see
            `legonet.graph.editing.on_conflict`.
        labels: What the output's values are called; None: as its kind calls them.
        licence: Of its weights, such as `MIT`.
        source: Where it comes from; a password in an address is left out.
        source_sha256: Of the file that its weights were fetched as.

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
    input: Input | None = None
    labels: tuple[str, ...] | None = None
    licence: str | None = None
    source: str | None = None
    source_sha256: str | None = None

    def __post_init__(self) -> None:
        read_on_conflict(self.on_conflict)

    @property
    def where(self) -> str:
        """What messages call it, such as `teachers.cat-v1`."""
        return f"teachers.{self.name}"

    @property
    def origin(self) -> dict[str, str]:
        """What a graph file says of its licence and its source."""
        source = None if self.source is None else without_secrets(self.source)
        said = {"licence": self.licence, "source": source, "source_sha256": self.source_sha256}
        return {key: value for key, value in said.items() if value is not None}
