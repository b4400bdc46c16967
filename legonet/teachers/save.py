"""Writes a network with everything it needs into a workspace: graph, blocks, weights, statistics, blobs.

Everything is gathered and compared with what is there before the first file is written, so that nothing
of another network is lost and a refusal changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from legonet.blocks.files import block_text, list_blocks, read_block
from legonet.blocks.schema import Block
from legonet.errors import BlockError, GraphError, StoreError
from legonet.graph.checks.outline import outline_of
from legonet.graph.checks.references import reference_problems
from legonet.graph.editing.file_text import graph_text
from legonet.graph.editing.merge import merged
from legonet.graph.load import load_graph
from legonet.graph.lock import Lock
from legonet.graph.reading.findings import located
from legonet.graph.schema import Graph, Input
from legonet.store.blobs import BlobStore, Pieces
from legonet.store.gc import named
from legonet.store.plain_files import holds, write_file
from legonet.store.unfinished import Unfinished
from legonet.store.workspace import BLOCKS_FOLDER, TEACHERS_FOLDER, Workspace
from legonet.teachers.feature_maps import MAP
from legonet.teachers.sources.file import STATISTICS_SUFFIX, FileTeacher
from legonet.teachers.sources.source import TeacherSource
from legonet.teachers.validate import shape_problems

LONGEST_NAME = 64


def save_network(
    graph: Graph,
    lock: Lock,
    store: BlobStore,
    sources: Mapping[str, TeacherSource],
    path: Path,
    base: Graph | None = None,
) -> Graph:
    """Write a network's files; the graph file last, so that one that exists is complete.

    A graph file of the same network that is there already keeps its comments and spellings.
    Teachers whose files lie in this folder already stay where they are.

    Args:
        graph: What the network is.
        lock: What has been built; its blobs are copied into the workspace's store.
        store: The store that they are in now.
        sources: The teachers.
        path: The graph file, YAML, or JSON if it ends in `.json`.
        base: The graph as it was read from this file: what others have changed there since is kept.

    Returns:
        The graph as written: teachers name their blocks and files there.

    Raises:
        GraphError: The graph would not load again, or others have changed the same entries.
        StoreError: A file of something else is in the way, a link is, or a file cannot be written.
    """
    workspace = Workspace.find(path)
    with workspace.writing():
        return _save(_Saving(graph, path, workspace, base), lock, store, sources)


def _save(saving: _Saving, lock: Lock, store: BlobStore, sources: Mapping[str, TeacherSource]) -> Graph:
    for name, source in sources.items():
        saving.take(name, source)
    saved, text = saving.finished(sources)
    _copy_blobs(lock, store, saving.workspace.store)
    for file in (*saving.files, *saving.stale, saving.path):
        saving.workspace.own(file)
    new = [file for file in saving.files if not file.exists()]
    saving.unfinished.begin(new)
    try:
        for file, data in saving.files.items():
            write_file(file, data)
        for file in saving.stale:
            file.unlink(missing_ok=True)
        if text is not None:
            write_file(saving.path, text.encode())
    except BaseException:
        for file in new:
            with suppress(OSError):  # what cannot be removed is recorded
                file.unlink(missing_ok=True)
        raise
    finally:
        saving.unfinished.end()
    return saved


@dataclass
class _Saving:
    """What will be written; nothing is, until all is known to fit."""

    graph: Graph
    path: Path
    workspace: Workspace
    base: Graph | None = None
    files: dict[Path, bytes | Pieces] = field(default_factory=dict)
    stale: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = self.path.absolute().parent
        self.previous, self.ours = self._previous(), self.graph
        if self.base is not None and self.previous is not None:
            self.graph = merged(self.base, self.graph, self.previous, str(self.path))
        self.unfinished = Unfinished(self.workspace, self.path)
        self.left = self.unfinished.left()
        self.teachers = dict(self.graph.teachers)
        self.blocks: dict[str, Block] = {}
        files = list_blocks(self.workspace.block_folders)
        for name, file in files.items():
            with suppress(BlockError):  # somebody else's broken block is no reason to lose a network
                self.blocks[name] = read_block(file)
        self.taken = {*files, *(file.stem for file in files.values())}

    def _previous(self) -> Graph | None:
        """The same network's graph, as it was saved before."""
        if not self.path.exists():
            return None
        try:
            previous = load_graph(self.path).graph
        except GraphError as error:
            raise StoreError(
                f"{self.path}: is there already, and is not a valid graph file; expected no file, or one of "
                "this network; move it away, or choose another name"
            ) from error
        if previous.name != self.graph.name:
            raise StoreError(
                f"{self.path}: holds the network '{previous.name}' already; expected no file, or one of "
                f"'{self.graph.name}'; choose another name"
            )
        return previous

    def take(self, name: str, source: TeacherSource) -> None:
        """Gather a teacher's files."""
        if isinstance(source, FileTeacher) and source.folder == self.folder:
            return
        weights = f"{TEACHERS_FOLDER}/{name}.safetensors"
        target = self.folder / weights
        before = self.previous.teachers.get(name) if self.previous is not None else None
        ours = before is not None and before.weights == weights
        self._put(target, source.weights(), ours)
        beside = target.with_name(name + STATISTICS_SUFFIX)
        statistics = source.statistics()
        if statistics is not None:
            self._put(beside, statistics, ours)
        elif beside.exists():
            self._expect(ours or beside in self.left, beside)
            self.stale.append(beside)
        changes = {"model": self._block(source), "weights": weights, "statistics": None}
        self.teachers[name] = self.teachers[name].model_copy(update=changes)

    def _put(self, file: Path, data: bytes | Pieces, ours: bool) -> None:
        with suppress(OSError):
            if holds(file, [data] if isinstance(data, bytes) else data):
                return
        if file.exists():
            self._expect(ours or file in self.left, file)
        self.files[file] = data

    def _expect(self, ours: bool, file: Path) -> None:
        if not ours:
            raise StoreError(
                f"{file}: is there already, with other content; expected no file, or one that an earlier "
                "save of this network wrote; choose another folder, or rename the teacher"
            )

    def _block(self, source: TeacherSource) -> str:
        """The name of a block with the teacher's architecture; a new one if there is none yet."""
        block = source.block if isinstance(source, FileTeacher) else self._describe(source)
        for name, known in self.blocks.items():
            if (known.architecture, known.builder, known.arguments) == (
                block.architecture,
                block.builder,
                block.arguments,
            ):
                return name
        name = next(name for name in self._names(block.name) if name not in self.taken)
        data = block.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {"name": name}
        data |= {} if block.architecture is None else block.architecture.entry()
        self.blocks[name] = Block.model_validate(data)
        self.taken.add(name)
        suffix, text = block_text(self.blocks[name])
        self.files[self.workspace.root / BLOCKS_FOLDER / f"{name}{suffix}"] = text.encode()
        return name

    def _describe(self, source: TeacherSource) -> Block:
        data = {"legonet-block": 1, "name": source.name, "input": list(self._image(source).shape)}
        cut = source.cut()
        is_map = cut.graph.steps[cut.place].module.endswith(MAP)
        data |= {**cut.graph.entry(), "cuts": [cut.place if is_map else cut.name]}
        return Block.model_validate(data)

    def _image(self, source: TeacherSource) -> Input:
        return self.graph.input_of(self.graph.teachers[source.name].category)

    def _names(self, name: str) -> Iterator[str]:
        yield name
        yield f"{self.graph.name}-{name}"[:LONGEST_NAME]
        number = 2
        while True:
            yield f"{name[: LONGEST_NAME - 12]}-{number}"
            number += 1

    def finished(self, sources: Mapping[str, TeacherSource]) -> tuple[Graph, str | None]:
        """The graph with its teachers' files, and its file's text unless that is there already."""
        graph = self.graph.model_copy(update={"teachers": self.teachers})
        problems = reference_problems(outline_of(graph))
        if not problems and self.graph is not self.ours:  # two changes may fit each by itself only
            theirs = {
                name: FileTeacher(name, each, self.folder, self.workspace)
                for name, each in graph.teachers.items()
            }
            problems = list(shape_problems(graph, {**theirs, **sources}))
        if problems:
            raise GraphError.of(*located(problems, graph.name))
        return graph, graph_text(graph, self.previous, self.path)


def _copy_blobs(lock: Lock, store: BlobStore, target: BlobStore) -> None:
    for sha in named(lock):
        if store.has(sha) and not target.has(sha):
            target.put([store.map(sha)])
