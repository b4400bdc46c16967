"""Teachers that are models in code."""

from __future__ import annotations

from collections.abc import Mapping

from legonet.ir.split import Cut
from legonet.store.blobs import Pieces
from legonet.store.tensors import RawTensor, tensor_pieces
from legonet.teachers.sources.source import TeacherSource


class MemoryTeacher(TeacherSource):
    """A teacher given as a model in code.

    Args:
        name: The teacher's name.
        cut: Its model, cut.
        weights: Its weights by name.
        statistics: The statistics file's bytes, if any were recorded.
        notes: What its owner should know of how it was taken in, as sentences without a full stop.
    """

    def __init__(
        self,
        name: str,
        cut: Cut,
        weights: Mapping[str, RawTensor],
        statistics: bytes | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, cut.name)
        self._cut, self._weights, self._statistics = cut, weights, statistics
        self.notes = notes

    def cut(self) -> Cut:
        """The model as it was traced, and the place where it is cut."""
        return self._cut

    @property
    def architecture(self) -> str:
        """The layers or operations as canonical JSON."""
        return self._cut.graph.json()

    def weights(self) -> Pieces:
        """The weights as a safetensors file."""
        return tensor_pieces(self._weights, {})

    def content(self) -> Mapping[str, RawTensor]:
        """The weights by name."""
        return self._weights

    def statistics(self) -> bytes | None:
        """The statistics file's bytes, if any were recorded."""
        return self._statistics
