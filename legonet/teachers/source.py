"""Where a teacher comes from: files named by a graph, or a model held in memory."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from pathlib import Path

from legonet.blocks.files import find_block
from legonet.blocks.schema import Block, Layers, layers_json
from legonet.errors import TeacherError
from legonet.graph.lock import LockedTeacher
from legonet.graph.schema import Teacher
from legonet.store.workspace import Workspace
from legonet.teachers.read import TeacherParts, read_teacher, teacher_layers

STATISTICS_SUFFIX = ".statistics.safetensors"


class TeacherSource(ABC):
    """A teacher's architecture, weights and statistics; read when asked for."""

    def __init__(self, name: str, cut: str) -> None:
        self.name = name
        self.cut = cut

    @property
    @abstractmethod
    def layers(self) -> Layers:
        """The model's layers, in order."""

    @property
    @abstractmethod
    def architecture(self) -> str:
        """Canonical text that the layers follow from, known without torch."""

    @abstractmethod
    def weights(self) -> bytes:
        """The weights file's bytes."""

    @abstractmethod
    def statistics(self) -> bytes | None:
        """The statistics file's bytes, if its owner recorded any."""

    def parts(self) -> TeacherParts:
        """Cut the teacher into f and g_T.

        Raises:
            TeacherError: weights, layers and cut do not fit each other.
        """
        return read_teacher(self.layers, self.weights(), self.cut, f"teachers.{self.name}")

    def fingerprint(self) -> str:
        """Hash of everything that the two modules are made from."""
        weights = hashlib.sha256(self.weights()).hexdigest()
        text = json.dumps([self.architecture, weights, self.cut])
        return hashlib.sha256(text.encode()).hexdigest()

    def locked(self, known: LockedTeacher | None = None) -> LockedTeacher:
        """The content hashes of the modules; not read again where the lock file knows them.

        Args:
            known: what the lock file says of this teacher.
        """
        source, statistics = self.fingerprint(), self.statistics()
        sha = None if statistics is None else hashlib.sha256(statistics).hexdigest()
        if known is not None and known.source == source:
            return known.model_copy(update={"statistics": sha})
        parts = self.parts()
        return LockedTeacher(
            source=source, category_module=parts.f_sha, task_module=parts.g_sha, statistics=sha
        )


class MemoryTeacher(TeacherSource):
    """A teacher given as a model in code."""

    def __init__(
        self, name: str, cut: str, layers: Layers, weights: bytes, statistics: bytes | None = None
    ) -> None:
        super().__init__(name, cut)
        self._layers, self._weights, self._statistics = layers, weights, statistics

    @property
    def layers(self) -> Layers:
        """The model's layers, in order."""
        return self._layers

    @property
    def architecture(self) -> str:
        """The layers as canonical JSON."""
        return layers_json(self._layers)

    def weights(self) -> bytes:
        """The weights as a safetensors file."""
        return self._weights

    def statistics(self) -> bytes | None:
        """The statistics file's bytes, if any were recorded."""
        return self._statistics


class FileTeacher(TeacherSource):
    """A teacher named by a graph file.

    Args:
        name: of the teacher.
        spec: what the graph file says of it.
        folder: the graph file's; paths are relative to it.
        workspace: where its block is looked up, and which no path may leave.
    """

    def __init__(self, name: str, spec: Teacher, folder: Path, workspace: Workspace) -> None:
        super().__init__(name, spec.cut)
        self._spec, self._folder, self._workspace = spec, folder, workspace

    @property
    def block(self) -> Block:
        """The block that the model is built from."""
        return find_block(self._spec.model, self._workspace.block_folders)

    @property
    def layers(self) -> Layers:
        """The block's layers; those of a builder are found by tracing it, which needs torch."""
        return teacher_layers(self.block)

    @property
    def architecture(self) -> str:
        """The block's layers, or its builder and arguments, as canonical JSON."""
        block = self.block
        if block.layers is not None:
            return layers_json(block.layers)
        return json.dumps([block.builder, block.arguments, block.input], sort_keys=True)

    def weights(self) -> bytes:
        """The weights file's bytes, checked against the graph file's sha256 if it gives one."""
        data = self._read(self._spec.weights, "weights")
        found = hashlib.sha256(data).hexdigest()
        if self._spec.sha256 is not None and found != self._spec.sha256:
            raise TeacherError(
                f"teachers.{self.name}.sha256: {self._spec.weights} has sha256 {found}; expected "
                f"{self._spec.sha256}; restore the file, or correct the hash if the new weights are wanted"
            )
        return data

    def statistics(self) -> bytes | None:
        """The statistics file named by the graph, or the one beside the weights."""
        if self._spec.statistics is not None:
            return self._read(self._spec.statistics, "statistics")
        beside = self.statistics_path()
        return beside.read_bytes() if beside.is_file() else None

    def statistics_path(self) -> Path:
        """Where the statistics lie, or would be written."""
        if self._spec.statistics is not None:
            return self._workspace.resolve(self._folder, self._spec.statistics)
        weights = self._workspace.resolve(self._folder, self._spec.weights)
        return weights.with_name(weights.name.removesuffix(".safetensors") + STATISTICS_SUFFIX)

    def _read(self, relative: str, key: str) -> bytes:
        path = self._workspace.resolve(self._folder, relative)
        try:
            return path.read_bytes()
        except OSError as error:
            raise TeacherError(
                f"teachers.{self.name}.{key}: {relative} cannot be read ({error.strerror}); expected a "
                f"safetensors file relative to {self._folder}; correct the path or put the file there"
            ) from error
