"""Writes a compiled network as one readable Python module that needs torch and safetensors, not legonet."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Mapping

import torch
from torch import nn

from legonet.blocks.boxes import Decode
from legonet.blocks.photo import Resize, scales_of, sizes_of, weights_of
from legonet.blocks.rescale import Rescale
from legonet.compile.build import Place
from legonet.compile.export.classes import Classes, Source
from legonet.compile.export.constructors import LINE, written
from legonet.compile.export.names import Names, comment
from legonet.compile.export.shapes import BATCH, input_shapes, result_shapes
from legonet.compile.export.tree import modules_of
from legonet.compile.export.wrap import wrapped
from legonet.compile.network import CompiledNetwork
from legonet.compile.program import IMAGES, Call, Ref
from legonet.compile.schedule import find_module
from legonet.compile.signature import Signature
from legonet.errors import ExportError
from legonet.graph.suggest import listed
from legonet.ir.graph import Shape

_KINDS = {
    "input": "Normalise",
    "normalise": "Normalise",
    "stems": "Stem",
    "categories": "Category",
    "adapters": "Adapter",
    "tasks": "Task",
}


def model_source(network: CompiledNetwork, signature: Signature) -> tuple[str, dict[str, str]]:
    """Write a network's source.

    Args:
        network: The network.
        signature: What it takes and gives.

    Returns:
        The text of model.py, and for each name of its state dict the name in the network's.

    Raises:
        ExportError: A module has an operation that is not in legonet's table.
    """
    return _Writer(network, signature).source()


def needed(network: CompiledNetwork) -> str:
    """The packages that the source of a network imports, in words."""
    suppresses = any(isinstance(network.endings[path], Decode) for path in network.endings)
    return "torch, torchvision and safetensors" if suppresses else "torch and safetensors"


class _Writer:
    def __init__(self, network: CompiledNetwork, signature: Signature) -> None:
        self._network, self._signature = network, signature
        self._values = Names(["self", "images", "torch", "nn"])

    def source(self) -> tuple[str, dict[str, str]]:
        names = Names(dir(torch.nn.Module()))
        shapes = input_shapes(self._network, self._signature.input)
        attributes = {run.place: "" for run in self._network.runs}
        attributes = {place: names(_said(place, " ")) for place in attributes}
        sources = {place: self._source(place, shapes[place]) for place in attributes}
        classes = Classes(list(sources.values()))
        keys: dict[str, str] = {}
        layers: list[str] = []
        for place, attribute in attributes.items():
            made = classes.made(sources[place])
            first, *others = written(made.maker, LINE - len(attribute) - 16)
            layers += [f"self.{attribute} = {first}", *others]
            keys |= {f"{attribute}.{own}": f"{_said(place, '.')}.{name}" for name, own in made.keys.items()}
        views = {name: names(f"resize{_whose(name)}") for name in self._network.resizes}
        backs = {path: names(f"restore {path}") for path in self._network.endings}
        layers += [f"self.{views[name]} = {_made(self._network.resizes[name])}" for name in views]
        layers += [f"self.{backs[path]} = {_made(self._network.endings[path])}" for path in backs]
        body = self._forward(attributes, views, backs)
        text = "\n".join(
            [
                *classes.text,
                "",
                "",
                "class Model(nn.Module):",
                f'    """{self._about()}"""',
                "",
                "    def __init__(self) -> None:",
                "        super().__init__()",
                *(f"        {line}" for line in layers),
                "",
                *(f"    {line}" if line else "" for line in body),
                _TAIL.format(channels_last=_CHANNELS_LAST if self._channels_last else ""),
            ]
        )
        if re.search(r"\bRescale\(\)", text):
            text = f"\n\n{inspect.getsource(Rescale).rstrip()}\n{text}"
        if views:
            endings = dict.fromkeys(type(self._network.endings[path]) for path in backs)
            parts = (sizes_of, scales_of, weights_of, Resize, *endings)
            photo = "\n\n\n".join(inspect.getsource(part).rstrip() for part in parts)
            text = f"\n\n{photo}\n{text}"
        about = comment(f"{self._signature.name}: {', '.join(self._signature.outputs)}.")
        head = _HEAD.format(about=textwrap.fill(about, LINE - 3), needs=needed(self._network))
        for word, line in _IMPORTS.items():
            head = head if re.search(rf"\b{word}\b", text) else head.replace(line, "")
        return head + text, keys

    def _source(self, place: Place, shape: Shape) -> Source:
        module = find_module(self._network, place)
        graph, state = module.graph, module.state_dict()
        try:
            whole = modules_of(graph, state, result_shapes(graph, shape), BATCH)
        except ExportError as error:
            raise ExportError(f"{_said(place, '.')}.{error}") from error
        buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
        return Source(_KINDS[place[0]], whole, state, frozenset(buffers))

    @property
    def _channels_last(self) -> bool:
        return self._network.running.memory_format == torch.channels_last

    def _about(self) -> str:
        channels, height, width = self._signature.input
        size = f"{height}, {width}" if self._network.photos is None else "any height, any width"
        return f"Images (batch, {channels}, {size}) in [0, 1] in; a dict of outputs by path out."

    def _forward(
        self, attributes: Mapping[Place, str], views: Mapping[str, str], backs: Mapping[str, str]
    ) -> list[str]:
        lines = ["def forward(self, images: Tensor) -> dict[str, Tensor]:"]
        seen = {IMAGES: "images"}
        for name, attribute in views.items():
            seen[name] = self._values(f"seen{_whose(name)}")
            lines.append(f"    {seen[name]} = self.{attribute}(images)")
        if self._channels_last:
            order = "contiguous(memory_format=torch.channels_last)"
            lines += [f"    {seen[each]} = {seen[each]}.{order}" for each in views or seen]
        given: dict[str, str] = {}

        def value(ref: Ref) -> str:
            if ref.call not in given:
                return seen[ref.call]
            return f"{given[ref.call]}[{ref.member}]" if ref.call in several else given[ref.call]

        several: set[str] = set()
        for run, planned in zip(self._network.runs, self._network.program.calls, strict=True):
            kind, own = run.place
            is_input = kind in ("input", "normalise")
            name = self._values(f"normalised {own}".strip() if is_input else _said(run.place, " "))
            call = f"self.{attributes[run.place]}"
            if run.how == "single":
                lines.append(f"    {name} = {call}({value(run.reads[0])})")
            else:
                if run.how == "shared":
                    joined = value(run.reads[0])
                elif run.how == "whole":
                    joined = f"torch.cat({given[run.reads[0].call]}, {run.axis})"
                else:
                    joined = f"torch.cat([{', '.join(map(value, run.reads))}], {run.axis})"
                lines.append(f"    # {_comment(planned)}")
                whole = f"{name} = {call}({joined}).chunk({len(run.reads)}, {run.axis})"
                lines += [f"    {line}" for line in wrapped(whole, LINE - 8)]
                several.add(run.name)
            given[run.name] = name
        outputs = self._network.program.outputs
        lines.append("    return {")
        for path, ref in outputs.items():
            given_back = f"self.{backs[path]}({value(ref)}, images)" if path in backs else value(ref)
            lines.append(f"        {json.dumps(path, ensure_ascii=False)}: {given_back},")
        return [*lines, "    }"]


def _whose(images: str) -> str:
    """The category whose images they are, after a space; nothing for the network's own."""
    return images.removeprefix(IMAGES).replace(":", " ")


def _made(module: nn.Module) -> str:
    """The call that makes what resizes photos, or restores maps and boxes: what it was made with is kept."""
    names = inspect.signature(type(module)).parameters
    given = (getattr(module, name) for name in names)
    return f"{type(module).__name__}({', '.join(map(_literal, given))})"


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _comment(call: Call) -> str:
    """What a call of several members is."""
    if not call.is_group:
        return f"{len(call.reads)} values as one batch"
    said = f"{listed(call.bricks)} side by side in the channels"
    said = comment(said)
    return said if len(said) + 10 <= LINE else f"{len(call.bricks)} modules side by side in the channels"


def _said(place: Place, between: str) -> str:
    """Kind and name of a module."""
    return between.join(part for part in place if part)


_IMPORTS = {
    "math": "import math\n",
    "OrderedDict": "from collections import OrderedDict\n",
    "F": "import torch.nn.functional as F\n",
}
"""Lines of the head that not every file needs, by the word that needs them."""

_HEAD = '''"""{about}

Written by legonet; needs {needs} only. `load()` gives the model with its weights.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
'''

_CHANNELS_LAST = """\
    for each in [*model.parameters(), *model.buffers()]:
        if each.ndim == 4:
            each.data = each.data.to(memory_format=torch.channels_last)
"""

_TAIL = '''

def load(folder: str | Path | None = None) -> Model:
    """The model with its weights, ready for inference.

    Args:
        folder: Where weights.safetensors is; default: beside this file.
    """
    path = Path(folder) if folder else Path(__file__).parent
    model = Model()
    model.load_state_dict(load_file(path / "weights.safetensors"))
{channels_last}    return model.eval().requires_grad_(False)
'''
