"""Teachers whose block and weights are files, as a graph file names them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from legonet import foreign
from legonet.blocks.files import find_block
from legonet.blocks.schema import Block
from legonet.errors import StoreError, TeacherError
from legonet.graph.schema import Teacher
from legonet.ir.split import Cut
from legonet.store.blobs import Pieces
from legonet.store.modules import parse_module
from legonet.store.tensors import RawTensor, tensor_pieces
from legonet.store.workspace import Workspace
from legonet.teachers.cutting import block_cut
from legonet.teachers.sources.source import TeacherSource
from legonet.teachers.weights.parts import mapped

STATISTICS_SUFFIX = ".statistics.safetensors"
SETTLED = 2 * 10**9  # nanoseconds


class FileTeacher(TeacherSource):
    """A teacher named by a graph file.

    Args:
        name: The teacher's name.
        spec: What the graph file says of it.
        folder: The graph file's folder; paths are relative to it.
        workspace: The workspace that its block is looked up in, and that no path may leave.
    """

    def __init__(self, name: str, spec: Teacher, folder: Path, workspace: Workspace) -> None:
        super().__init__(name, spec.cut)
        self.folder = folder
        self._spec, self.workspace = spec, workspace
        self._hashes: dict[Path, tuple[tuple[int, ...], str]] = {}
        self._known: tuple[Block, Cut] | None = None

    @property
    def block(self) -> Block:
        """The block that the model is built from."""
        return find_block(self._spec.model, self.workspace.block_folders)

    def cut(self) -> Cut:
        """The block's model, cut; that of a builder is traced, once, which needs torch."""
        block = self.block
        if self._known is None or self._known[0] != block:
            self._known = block, block_cut(block, self.cut_name, f"teachers.{self.name}", self._spec.output)
        return self._known[1]

    @property
    def architecture(self) -> str:
        """The block's layers or operations, or its builder and arguments, as canonical JSON."""
        block, output = self.block, self._spec.output
        if block.architecture is None:
            text = json.dumps([block.builder, block.arguments, block.input], sort_keys=True)
        else:
            text = block.architecture.json()
        return text if output is None else json.dumps([text, output])

    def weights(self) -> Pieces:
        """The weights file's bytes, mapped, checked against the graph file's sha256 if it gives one."""
        content = self.content()
        if isinstance(content, Path):
            return [mapped(content, f"teachers.{self.name}.weights")]
        return tensor_pieces(content, {})

    def content(self) -> Path | Mapping[str, RawTensor]:
        """The weights file, its sha256 compared with the graph file's if that gives one.

        Where it is not here, and the modules travelled instead: their tensors.
        """
        path = self.weights_path()
        if self._spec.sha256 is not None:
            self.weights_hash()
        other = self.workspace.held(path)
        if other is None:
            return path
        where, store = f"teachers.{self.name}.weights", self.workspace.store
        return {
            key: value
            for sha in other.blobs
            for key, value in parse_module(store.map(sha), f"{where}: module {sha[:10]}").tensors.items()
        }

    def weights_hash(self) -> str:
        """The weights file's sha256, checked against the graph file's if it gives one."""
        found = self._hash(self.weights_path(), "weights")
        self._expect(found)
        return found

    def statistics(self) -> bytes | None:
        """The statistics file named by the graph, or the one beside the weights."""
        path = self.statistics_path()
        if path.exists():
            return self._read(path, "statistics")
        if other := self.workspace.held(path):
            return self.workspace.store.get(other.sha256)
        return None if self._spec.statistics is None else self._read(path, "statistics")

    def statistics_hash(self) -> str | None:
        """The sha256 of the statistics file, if there is one."""
        path = self.statistics_path()
        there = self._spec.statistics is not None or path.exists() or self.workspace.held(path) is not None
        return self._hash(path, "statistics") if there else None

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
            return self.workspace.resolve(self.folder, relative)
        except StoreError as error:
            raise TeacherError(f"teachers.{self.name}.{key}: {error}") from error

    def _expect(self, found: str) -> None:
        if self._spec.sha256 is not None and found != self._spec.sha256:
            raise TeacherError(
                f"teachers.{self.name}.sha256: {self._spec.weights} has sha256 {found}; expected "
                f"{self._spec.sha256}; restore the file, or correct the hash if the new weights are wanted"
            )

    def _read(self, path: Path, key: str) -> bytes:
        return foreign.read(path, foreign.STATISTICS, where=f"teachers.{self.name}.{key}: {path}")

    def _hash(self, path: Path, key: str) -> str:
        """The file's sha256; a file that has not changed for a while is read only once."""
        kind = foreign.WEIGHTS if key == "weights" else foreign.STATISTICS
        where = f"teachers.{self.name}.{key}: {path}"
        if other := self.workspace.held(path):
            return other.sha256
        with self._readable(path, key), foreign.opened(path, kind, where=where) as file:
            state = os.fstat(file.fileno())
            mark = (state.st_ino, state.st_size, state.st_mtime_ns)
            known = self._hashes.get(path)
            if known is not None and known[0] == mark:
                return known[1]
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
