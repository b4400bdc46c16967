"""Reads the modules of selected paths from the store and joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from legonet.blocks.weights import load_module
from legonet.compile.network import CompiledNetwork, Path, normalisation
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import split_path
from legonet.store.blobs import BlobStore


def assemble(
    graph: Graph,
    lock: Lock,
    store: BlobStore,
    paths: Sequence[str],
    adapters: Mapping[str, str | None],
    device: torch.device | str = "cpu",
) -> CompiledNetwork:
    """Join the modules of some paths; only these are read, each once.

    Args:
        graph: for the input's normalisation.
        lock: names category and task modules by content hash.
        store: holds them.
        paths: `category:task`, in the order of the outputs.
        adapters: content hash of each path's adapter; None for a path without one.
        device: where the result is.

    Returns:
        The network in evaluation mode, frozen.

    Raises:
        StoreError: a module is missing or damaged.
    """
    pairs = [split_path(path) for path in paths]
    categories = {name: load_module(store.get(lock.categories[name].module)) for name, _ in pairs}
    tasks = {name: load_module(store.get(lock.tasks[name].module)) for _, name in pairs}
    fitted = {path: load_module(store.get(sha)) for path, sha in adapters.items() if sha is not None}
    chosen = tuple(
        Path(category, task, native=path not in fitted)
        for path, (category, task) in zip(paths, pairs, strict=True)
    )
    network = CompiledNetwork(chosen, normalisation(graph.input), categories, fitted, tasks)
    return network.to(device).eval().requires_grad_(False)
