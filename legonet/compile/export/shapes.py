"""The shapes of all results of a compiled network's modules, without their numbers. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from legonet.compile.build import Place
from legonet.compile.network import CompiledNetwork
from legonet.compile.schedule import find_module
from legonet.ir.graph import INPUT, ModelGraph, Operation, Shape
from legonet.ir.interpreter import sketched
from legonet.ir.sizes import whole_shapes

BATCH = 1009  # a prime number, which no other axis is likely to have


def input_shapes(network: CompiledNetwork, shape: Shape) -> dict[Place, Shape]:
    """The shape that each module takes, without the batch, by its place.

    Args:
        network: It runs once, on black images.
        shape: (channels, height, width) of an image.
    """
    found: dict[Place, Shape] = {}
    handles = []
    for place in {run.place for run in network.runs}:

        def see(module: Any, given: tuple[Tensor, ...], place: Place = place) -> None:
            found[place] = tuple(given[0].shape[1:])

        handles.append(find_module(network, place).register_forward_pre_hook(see))
    try:
        with torch.no_grad():
            network.by_path(torch.zeros(1, *shape))
    finally:
        for handle in handles:
            handle.remove()
    return found


def result_shapes(graph: ModelGraph, shape: Shape) -> dict[str, Shape]:
    """The shapes of a module's results that are tensors, with a batch of `BATCH`.

    By arithmetic, where it tells: torch's meta device would import torch's compiler for a linear layer, which
    takes as long as importing torch.

    Args:
        graph: The module.
        shape: The shape of its input, without the batch.
    """
    known = whole_shapes(graph, shape, BATCH)
    if known is not None:
        return known
    found: dict[str, Shape] = {INPUT: (BATCH, *shape)}

    def see(step: Operation, arguments: list[Any], keywords: dict[str, Any]) -> None:
        found.update(_shapes(step.arguments, arguments))
        found.update(_shapes(step.keywords, keywords))

    with torch.no_grad():
        sketched(graph).run(torch.empty((BATCH, *shape), device="meta"), see)
    return found


def _shapes(written: Any, values: Any) -> Iterator[tuple[str, Shape]]:
    """What is known of results by the arguments that they became."""
    match written:
        case {"ref": name}:
            if isinstance(values, Tensor):
                yield name, tuple(values.shape)
        case Mapping() if isinstance(values, Mapping):
            for key, each in written.items():
                yield from _shapes(each, values[key])
        case list() | tuple():
            for each, value in zip(written, values, strict=False):
                yield from _shapes(each, value)
