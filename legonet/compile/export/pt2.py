"""torch.export's format: a graph of ATen operations with weights, for any number of photos of any size."""

from __future__ import annotations

import copy
import json
import keyword
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from legonet.compile.network import CompiledNetwork
from legonet.compile.signature import Signature
from legonet.ir.recurrence import as_one_call
from legonet.ir.untold import untold

CARD = "card.json"


def exported_program(network: CompiledNetwork) -> torch.export.ExportedProgram:
    """The network as torch.export sees it, batch, height and width of any size."""
    network = _without_keywords(network)
    channels, height, width = network.input_shape or (1, 1, 1)  # of one that net.compile gave it is known
    open_size = network.photos is not None
    if open_size:
        height, width = height + 3, width + 5  # of no size that the network knows
    example = torch.zeros(2, channels, height, width)
    with torch.no_grad(), as_one_call(), untold():
        return torch.export.export(network, (example,), dynamic_shapes=(sizes(open_size),))


def sizes(open_size: bool) -> dict[int, torch.export.Dim]:
    """What may be of any size: the batch, and photos where the network resizes them."""
    names = {0: "batch"} | ({2: "height", 3: "width"} if open_size else {})
    return {place: torch.export.Dim(name, min=1) for place, name in names.items()}


def _without_keywords(network: CompiledNetwork) -> CompiledNetwork:
    """The network, or a copy whose modules called `class` and the like are called `class_`.

    torch.fx writes `self.tasks.class` for a module of that name, which is no Python.
    """
    names = {part for name, _ in network.named_modules() for part in name.split(".")}
    if not any(map(keyword.iskeyword, names)):
        return network
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        module._modules = {_safe(name): child for name, child in module._modules.items()}
    network.runs = tuple(replace(run, place=(run.place[0], _safe(run.place[1]))) for run in network.runs)
    return network


def _safe(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def write_pt2(network: CompiledNetwork, signature: Signature, path: Path) -> None:
    """Write it, with the signature as an extra file."""
    save(exported_program(network), path, json.dumps(signature.data()))


def save(program: torch.export.ExportedProgram, path: Path, card: str) -> None:
    """Write a program, without what torch notes of where it comes from: paths of this machine among it."""
    for node in program.graph.nodes:
        for key in ("stack_trace", "from_node"):
            node.meta.pop(key, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of its formats to come
        torch.export.save(program, path, extra_files={CARD: card})


def load_pt2(path: Path) -> Callable[[Tensor], Mapping[str, Tensor]]:
    """Load it as a user does; outputs by path."""
    extra = {CARD: ""}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.export.load(path, extra_files=extra).module()
    paths = list(json.loads(extra[CARD])["outputs"])

    def run(images: Tensor) -> Mapping[str, Tensor]:
        output = module(images)
        return {paths[0]: output} if isinstance(output, Tensor) else output

    return run
