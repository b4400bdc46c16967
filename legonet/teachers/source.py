"""Where a teacher comes from: files named by a graph, or a model held in memory."""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from legonet.blocks.files import find_block
from legonet.blocks.schema import Block
from legonet.errors import StoreError, TeacherError
from legonet.graph.lock import LockedTeacher
from legonet.graph.schema import Teacher
from legonet.ir.split import Cut
from legonet.store.blobs import Pieces, sha256
from legonet.store.modules import ModuleKind
from legonet.store.tensors import RawTensor, tensor_pieces
from legonet.store.workspace import Workspace
from legonet.teachers.maps import block_cut
from legonet.teachers.read import (
    Half,
    TeacherParts,
    Weights,
    mapped,
    read_halves,
    read_teacher,
)

STATISTICS_SUFFIX = ".statistics.safetensors"
SETTLED = 2 * 10**9  # nanoseconds


class TeacherSource(ABC):
    """A teacher's architecture, weights and statistics; read when asked for.

    Args:
        name: The teacher's name.
        cut_name: The layer, module or operation that its category module ends with.
    """

    def __init__(self, name: str, cut_name: str) -> None:
        self.name = name
        self.cut_name = cut_name

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
            TeacherError: weights, layers and cut do not fit each other.
        """
        return read_teacher(self.cut(), self.content())

    def half(self, kind: ModuleKind) -> Half:
        """One part of the teacher; of a file, no more than its weights are read.

        Raises:
            TeacherError: as of `parts`.
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
        """The content hashes of the modules; the teacher is not cut again where the lock file knows them.

        Args:
            known: what the lock file says of this teacher.
        """
        source, statistics = self.fingerprint(), self.statistics_hash()
        if known is not None and known.source == source:
            return known.model_copy(update={"statistics": statistics})
        parts = self.parts()
        return LockedTeacher(
            source=source, category_module=parts.f_sha, task_module=parts.g_sha, statistics=statistics
        )


class MemoryTeacher(TeacherSource):
    """A teacher given as a model in code.

    Args:
        name: The teacher's name.
        cut: Its model, cut.
        weights: Its weights by name.
        statistics: The statistics file's bytes, if any were recorded.
    """

    def __init__(
        self, name: str, cut: Cut, weights: Mapping[str, RawTensor], statistics: bytes | None = None
    ) -> None:
        super().__init__(name, cut.name)
        self._cut, self._weights, self._statistics = cut, weights, statistics

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
        self.folder = folder
        self._spec, self._workspace = spec, workspace
        self._hashes: dict[Path, tuple[tuple[int, ...], str]] = {}
        self._known: tuple[Block, Cut] | None = None

    @property
    def block(self) -> Block:
        """The block that the model is built from."""
        return find_block(self._spec.model, self._workspace.block_folders)

    def cut(self) -> Cut:
        """The block's model, cut; that of a builder is traced, once, which needs torch."""
        block = self.block
        if self._known is None or self._known[0] != block:
            self._known = block, block_cut(block, self.cut_name, f"teachers.{self.name}")
        return self._known[1]

    @property
    def architecture(self) -> str:
        """The block's layers or operations, or its builder and arguments, as canonical JSON."""
        block = self.block
        if block.architecture is not None:
            return block.architecture.json()
        return json.dumps([block.builder, block.arguments, block.input], sort_keys=True)

    def weights(self) -> Pieces:
        """The weights file's bytes, mapped, checked against the graph file's sha256 if it gives one."""
        return [mapped(self.content(), f"teachers.{self.name}.weights")]

    def content(self) -> Path:
        """The weights file, its sha256 compared with the graph file's if that gives one."""
        path = self.weights_path()
        if self._spec.sha256 is not None:
            self.weights_hash()
        return path

    def weights_hash(self) -> str:
        """The weights file's sha256, checked against the graph file's if it gives one."""
        found = self._hash(self.weights_path(), "weights")
        self._expect(found)
        return found

    def statistics(self) -> bytes | None:
        """The statistics file named by the graph, or the one beside the weights."""
        path = self.statistics_path()
        return self._read(path, "statistics") if self._spec.statistics is not None or path.exists() else None

    def statistics_hash(self) -> str | None:
        """The sha256 of the statistics file, if there is one."""
        path = self.statistics_path()
        return self._hash(path, "statistics") if self._spec.statistics is not None or path.exists() else None

    def weights_path(self) -> Path:
        """Where the weights lie."""
        return self._resolve(self._spec.weights, "weights")

    def statistics_path(self) -> Path:
        """Where the statistics lie, or would be written."""
        if self._spec.statistics is not None:
            return self._resolve(self._spec.statistics, "statistics")
        weights = self.weights_path()
        return weights.with_name(weights.name.removesuffix(".safetensors") + STATISTICS_SUFFIX)

    def _resolve(self, relative: str, key: str) -> Path:
        try:
            return self._workspace.resolve(self.folder, relative)
        except StoreError as error:
            raise TeacherError(f"teachers.{self.name}.{key}: {error}") from error

    def _expect(self, found: str) -> None:
        if self._spec.sha256 is not None and found != self._spec.sha256:
            raise TeacherError(
                f"teachers.{self.name}.sha256: {self._spec.weights} has sha256 {found}; expected "
                f"{self._spec.sha256}; restore the file, or correct the hash if the new weights are wanted"
            )

    def _read(self, path: Path, key: str) -> bytes:
        with self._readable(path, key):
            return path.read_bytes()

    def _hash(self, path: Path, key: str) -> str:
        """The file's sha256; a file that has not changed for a while is read only once."""
        with self._readable(path, key):
            state = path.stat()
            mark = (state.st_ino, state.st_size, state.st_mtime_ns)
            known = self._hashes.get(path)
            if known is not None and known[0] == mark:
                return known[1]
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            # A file written just now may be written once more within the clock's resolution.
            if time.time_ns() - state.st_mtime_ns > SETTLED:
                self._hashes[path] = mark, found
            return found

    @contextmanager
    def _readable(self, path: Path, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TeacherError(
                f"teachers.{self.name}.{key}: {path} cannot be read ({error.strerror or error}); expected a "
                "safetensors file; correct the path or put the file there"
            ) from error
