"""Reads the modules of selected paths from the store and joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from legonet.blocks.build import output_shape
from legonet.blocks.weights import chain_layers, load_module
from legonet.compile.network import CompiledNetwork, Path, normalisation
from legonet.errors import BlockError, SelectError
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
        SelectError: a path without an adapter, whose modules differ in shape.
    """
    pairs = [split_path(path) for path in paths]
    categories = {
        name: _load(store, lock.categories[name].built, f"categories.{name}")
        for name in dict.fromkeys(category for category, _ in pairs)
    }
    tasks = {
        name: _load(store, lock.tasks[name].built, f"tasks.{name}")
        for name in dict.fromkeys(task for _, task in pairs)
    }
    fitted = {
        path: _load(store, sha, f"adapters.{path}") for path, sha in adapters.items() if sha is not None
    }
    for path, (category, task) in zip(paths, pairs, strict=True):
        if path not in fitted:
            _expect_joint(path, categories[category], tasks[task], graph.input.shape)
    chosen = tuple(
        Path(category, task, native=path not in fitted)
        for path, (category, task) in zip(paths, pairs, strict=True)
    )
    network = CompiledNetwork(chosen, normalisation(graph.input), categories, fitted, tasks)
    return network.to(device).eval().requires_grad_(False)


def _load(store: BlobStore, sha: str, where: str) -> nn.Sequential:
    return load_module(store.get(sha), where=f"{where}: module {sha[:10]}")


def _expect_joint(path: str, f: nn.Sequential, g: nn.Sequential, input_shape: tuple[int, int, int]) -> None:
    """Refuse a path whose modules cannot be joined without an adapter."""
    try:
        output_shape(
            chain_layers(g), output_shape(chain_layers(f), input_shape), where=f"{path}: task module"
        )
    except BlockError as error:
        raise SelectError(f"{error}; without an adapter the two modules do not fit") from error
