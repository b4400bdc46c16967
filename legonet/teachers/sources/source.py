"""What legonet asks of a teacher, wherever its model and its weights are."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod

from legonet.graph.lock import LockedTeacher
from legonet.ir.split import Cut
from legonet.store.blobs import Pieces, sha256
from legonet.store.modules import ModuleKind
from legonet.teachers.weights.parts import Half, TeacherParts, Weights, read_halves, read_teacher


class TeacherSource(ABC):
    """A teacher's architecture, weights and statistics; read when asked for.

    Args:
        name: The teacher's name.
        cut_name: The layer, module or operation that its category module ends with.
    """

    def __init__(self, name: str, cut_name: str) -> None:
        self.name = name
        self.cut_name = cut_name
        self._locked: LockedTeacher | None = None

    @abstractmethod
    def cut(self) -> Cut:
        """The teacher's model, and the place where it is cut.

        Raises:
            LegonetError: The model cannot be read, or has no such place.
        """

    @property
    @abstractmethod
    def architecture(self) -> str:
        """Canonical text that the layers follow from, known without torch."""

    @abstractmethod
    def weights(self) -> Pieces:
        """The weights file's bytes, one piece after the other; what is mapped is not copied."""

    @abstractmethod
    def statistics(self) -> bytes | None:
        """The statistics file's bytes, if its owner recorded any."""

    def weights_hash(self) -> str:
        """The weights file's sha256."""
        return sha256(self.weights())

    def statistics_hash(self) -> str | None:
        """The statistics file's sha256, if there is one."""
        data = self.statistics()
        return None if data is None else sha256(data)

    def parts(self) -> TeacherParts:
        """Cut the teacher into f and g_T.

        Raises:
            TeacherError: Weights, layers and cut do not fit each other.
        """
        return read_teacher(self.cut(), self.content())

    def half(self, kind: ModuleKind) -> Half:
        """One part of the teacher; of a file, no more than its weights are read.

        Raises:
            TeacherError: As of `parts`.
        """
        (half,) = read_halves(self.cut(), self.content(), [kind])
        return half

    @abstractmethod
    def content(self) -> Weights:
        """The weights by name, or the file that holds them."""

    def fingerprint(self) -> str:
        """Hash of everything that the two modules are made from."""
        text = json.dumps([self.architecture, self.weights_hash(), self.cut_name])
        return sha256(text.encode())

    def locked(self, known: LockedTeacher | None = None) -> LockedTeacher:
        """The content hashes of the modules; the teacher is not cut again where they are known.

        Args:
            known: What the lock file says of this teacher.
        """
        source, statistics = self.fingerprint(), self.statistics_hash()
        for each in (known, self._locked):
            if each is not None and each.source == source:
                return each.model_copy(update={"statistics": statistics})
        parts = self.parts()
        self._locked = LockedTeacher(
            source=source, category_module=parts.f_sha, task_module=parts.g_sha, statistics=statistics
        )
        return self._locked
