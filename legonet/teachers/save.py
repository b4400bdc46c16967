"""Writes a network with everything it needs into a workspace: graph, blocks, weights, statistics, blobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from legonet.blocks.files import list_blocks, read_block
from legonet.blocks.schema import Block, layers_data
from legonet.errors import StoreError
from legonet.graph.dump import dump_yaml
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.store.blobs import BlobStore
from legonet.store.files import write_file
from legonet.store.workspace import BLOCKS_FOLDER, Workspace
from legonet.teachers.source import STATISTICS_SUFFIX, FileTeacher, TeacherSource

FOLDER = "teachers"


def save_network(
    graph: Graph, lock: Lock, store: BlobStore, sources: Mapping[str, TeacherSource], path: Path
) -> Graph:
    """Write a network's files; the graph file last, so that one that exists is complete.

    Args:
        graph: what the network is.
        lock: what has been built; its blobs are copied into the workspace's store.
        store: where they are now.
        sources: the teachers.
        path: the graph file.

    Returns:
        The graph as written: teachers name their blocks and files there.

    Raises:
        StoreError: a file cannot be written.
    """
    workspace = Workspace.find(path)
    teachers = dict(graph.teachers)
    for name, source in sources.items():
        weights = f"{FOLDER}/{name}.safetensors"
        target = path.absolute().parent / weights
        write_file(target, source.weights())
        statistics = source.statistics()
        if statistics is not None:
            write_file(target.with_name(name + STATISTICS_SUFFIX), statistics)
        changes = {"model": _block(source, graph, workspace), "weights": weights, "statistics": None}
        teachers[name] = teachers[name].model_copy(update=changes)
    for sha in _blobs(lock):
        if store.has(sha):
            workspace.store.put(store.get(sha))
    graph = graph.model_copy(update={"teachers": teachers})
    write_file(path, dump_yaml(graph).encode())
    return graph


def _block(source: TeacherSource, graph: Graph, workspace: Workspace) -> str:
    """The name of a block with the teacher's architecture; its file is written if there is none yet."""
    known = list_blocks(workspace.block_folders)
    if isinstance(source, FileTeacher):
        block = source.block
        if block.name in known and read_block(known[block.name]) == block:
            return block.name
        data = block.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        data |= {} if block.layers is None else {"layers": layers_data(block.layers)}
    else:
        for name, file in known.items():
            if read_block(file).layers == source.layers:
                return name
        data = {
            "legonet-block": 1,
            "name": source.name,
            "input": list(graph.input.shape),
            "layers": layers_data(source.layers),
            "cuts": [source.cut],
        }
    if data["name"] in known and known[data["name"]].parent == workspace.root / BLOCKS_FOLDER:
        raise StoreError(
            f"{known[data['name']]}: another block of this name is there; expected none, or one of the same "
            "layers; rename the teacher or the block"
        )
    Block.model_validate(data)
    write_file(workspace.root / BLOCKS_FOLDER / f"{data['name']}.yaml", dump_yaml(data).encode())
    return str(data["name"])


def _blobs(lock: Lock) -> Iterator[str]:
    for teacher in lock.teachers.values():
        yield from (teacher.category_module, teacher.task_module)
        if teacher.statistics is not None:
            yield teacher.statistics
    for adapter in lock.adapters.values():
        yield adapter.adapter
