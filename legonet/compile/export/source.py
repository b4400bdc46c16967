"""Writes a compiled network as one readable Python module that needs torch and safetensors only."""

from __future__ import annotations

import inspect
import json
import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from legonet.blocks.build import leaves
from legonet.blocks.registry import describe_module
from legonet.blocks.rescale import Rescale


class SideBySide: ...


from legonet.compile.card import Card
from legonet.compile.network import CompiledNetwork, Normalise
from legonet.compile.program import Call, Ref
from legonet.compile.schedule import Run, find_module
from legonet.errors import ExportError
from legonet.graph.suggest import listed
from legonet.ir.notation import Layer

_LINE = 110


def model_source(network: CompiledNetwork, card: Card) -> tuple[str, dict[str, str]]:
    """Write a network's source.

    Args:
        network: whose modules are chains of known layers.
        card: what it takes and gives.

    Returns:
        The text of model.py, and the names of its state dict by those of the network's.

    Raises:
        ExportError: a module is no chain of known layers.
    """
    return _Writer(network, card).source()


class _Writer:
    def __init__(self, network: CompiledNetwork, card: Card) -> None:
        self._network, self._card = network, card
        self._names = _Names(dir(nn.Module()))
        self._values = _Names(["self", "images", "torch", "nn"])
        self._keys: dict[str, str] = {}
        self._classes: list[type] = []

    def source(self) -> tuple[str, dict[str, str]]:
        attributes: dict[tuple[str, str], str] = {}
        layers: list[str] = []
        for run in self._network.runs:
            if run.place not in attributes:
                attributes[run.place] = self._names(" ".join(part for part in run.place if part))
                layers += self._module(run, attributes[run.place])
        body = self._forward(attributes)
        own = "\n\n\n".join(inspect.getsource(each).rstrip() for each in self._classes)
        head = _HEAD.format(name=self._card.name, paths=", ".join(self._card.outputs))
        text = "\n".join(
            [
                head,
                *([own, "", ""] if own else []),
                "class Model(nn.Module):",
                f'    """{self._about()}"""',
                "",
                "    def __init__(self) -> None:",
                "        super().__init__()",
                *(f"        {line}" for line in layers),
                "",
                *(f"    {line}" if line else "" for line in body),
                _TAIL.format(to=".to(memory_format=torch.channels_last)" if self._channels_last else ""),
            ]
        )
        for unused in ("Sequence", "Tensor"):
            if not re.search(rf"[^.]\b{unused}\b", text.replace(_IMPORTS[unused][0], "")):
                text = text.replace(*_IMPORTS[unused])
        return text, self._keys

    @property
    def _channels_last(self) -> bool:
        return self._network.running.memory_format == torch.channels_last

    def _about(self) -> str:
        channels, height, width = self._card.input
        return f"Images (batch, {channels}, {height}, {width}) in [0, 1] in; a dict of outputs by path out."

    def _module(self, run: Run, attribute: str) -> list[str]:
        module = find_module(self._network, run.place)
        prefix = ".".join(part for part in run.place if part)
        if isinstance(module, Normalise):
            self._take(Normalise)
            self._keys |= {f"{prefix}.{name}": f"{attribute}.{name}" for name in module.state_dict()}
            mean, std = (tuple(each.flatten().tolist()) for each in (module.mean, module.std))
            return [f"self.{attribute} = Normalise({mean}, {std})"]
        if type(module) is not nn.Sequential:
            raise ExportError(
                f"{prefix}: {type(module).__name__} is no chain of known layers; expected one, to write it "
                "as Python; export .pt2 or .onnx instead"
            )
        names = _Names(dir(nn.Sequential()))
        lines = [f"self.{attribute} = nn.Sequential(OrderedDict("]
        for name, layer in leaves(module):
            key = names(name)
            lines.append(f"    {key}={self._layer(layer, f'{prefix}.{name}')},")
            self._keys |= {
                f"{prefix}.{name}.{part}": f"{attribute}.{key}.{part}" for part in layer.state_dict()
            }
        return [*lines, "))"]

    def _layer(self, module: nn.Module, where: str) -> str:
        if isinstance(module, SideBySide):
            self._take(SideBySide)
            return f"SideBySide([torch.tensor(1.0)] * {len(module.betas)})"
        try:
            layer = describe_module(module)
        except ValueError:
            layer = None
        if layer is None:
            raise ExportError(
                f"{where}: {type(module).__name__} is no known layer; expected one, to write it as Python; "
                "export .pt2 or .onnx instead"
            )
        if isinstance(module, Rescale):
            self._take(Rescale)
        return layer_source(layer, in_place=isinstance(module, nn.ReLU) and module.inplace)

    def _take(self, kind: type) -> None:
        if kind not in self._classes:
            self._classes.append(kind)

    def _forward(self, attributes: Mapping[tuple[str, str], str]) -> list[str]:
        lines = ["def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:"]
        if self._channels_last:
            lines.append("    images = images.contiguous(memory_format=torch.channels_last)")
        given: dict[str, str] = {}

        def value(ref: Ref) -> str:
            if ref.call not in given:
                return "images"
            return f"{given[ref.call]}[{ref.member}]" if ref.call in several else given[ref.call]

        several: set[str] = set()
        for run, planned in zip(self._network.runs, self._network.program.calls, strict=True):
            is_input = run.place == ("input", "")
            name = self._values("normalised" if is_input else " ".join(part for part in run.place if part))
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
                lines += _chunked(name, call, joined, f"chunk({len(run.reads)}, {run.axis})")
                several.add(run.name)
            given[run.name] = name
        outputs = self._network.program.outputs
        lines.append("    return {")
        lines += [f"        {json.dumps(path)}: {value(ref)}," for path, ref in outputs.items()]
        return [*lines, "    }"]


def _comment(call: Call) -> str:
    """What a call of several members is."""
    if not call.is_group:
        return f"{len(call.reads)} values as one batch"
    said = f"{listed(call.bricks)} side by side in the channels"
    return said if len(said) + 10 <= _LINE else f"{len(call.bricks)} modules side by side in the channels"


def _chunked(name: str, call: str, joined: str, chunk: str) -> list[str]:
    """A call of several members, on as many lines as it needs."""
    line = f"    {name} = {call}({joined}).{chunk}"
    if len(line) + 4 <= _LINE:
        return [line]
    if len(joined) + 12 <= _LINE:
        return [f"    {name} = {call}(", f"        {joined}", f"    ).{chunk}"]
    members, end = joined.removeprefix("torch.cat([").rsplit("]", 1)
    listed = [f"                {each}," for each in members.split(", ")]
    return [
        f"    {name} = {call}(",
        "        torch.cat(",
        "            [",
        *listed,
        "            ],",
        f"            {end.strip(', )')},",
        "        )",
        f"    ).{chunk}",
    ]


class _Names:
    """Python names for any text, each once, none of those that are taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def __call__(self, text: str) -> str:
        name = re.sub(r"\W+", "_", text, flags=re.ASCII)
        name = f"_{name}" if name[:1].isdigit() or keyword.iskeyword(name) else name
        number, found = 2, name
        while found in self._taken:
            found, number = f"{name}_{number}", number + 1
        self._taken.add(found)
        return found


def layer_source(layer: Layer, in_place: bool = False) -> str:
    """The Python expression that makes a layer, such as `nn.Conv2d(3, 16, 3, padding=1)`."""
    match layer.type:
        case "conv" | "conv-transpose":
            kind = "nn.Conv2d" if layer.type == "conv" else "nn.ConvTranspose2d"
            options: dict[str, Any] = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
            options |= {"groups": 1, "bias": True, "output_padding": (0, 0)}
            return _call(kind, [layer.in_channels, layer.out_channels, layer.kernel], _given(layer, options))
        case "linear":
            return _call("nn.Linear", [layer.in_features, layer.out_features], _given(layer, {"bias": True}))
        case "relu":
            return "nn.ReLU(inplace=True)" if in_place else "nn.ReLU()"
        case "max-pool":
            more = _given(layer, {"stride": layer.kernel, "padding": (0, 0), "dilation": (1, 1)})
            return _call("nn.MaxPool2d", [layer.kernel], more | ({"ceil_mode": True} if layer.ceil else {}))
        case "avg-pool":
            more = _given(layer, {"stride": layer.kernel, "padding": (0, 0)})
            more |= {"ceil_mode": True} if layer.ceil else {}
            more |= {} if layer.count_padding else {"count_include_pad": False}
            return _call("nn.AvgPool2d", [layer.kernel], more)
        case "adaptive-avg-pool":
            return _call("nn.AdaptiveAvgPool2d", [layer.size], {})
        case "flatten":
            return "nn.Flatten()"
        case "dropout":
            return _call("nn.Dropout2d" if layer.channels else "nn.Dropout", [layer.probability], {})
        case "identity":
            return "nn.Identity()"
        case "batch-norm":
            more = {"eps": layer.epsilon} | ({} if layer.affine else {"affine": False})
            return _call("nn.BatchNorm2d", [layer.channels], more)
        case "upsample":
            size = {"size": layer.size} if layer.size else {"scale_factor": layer.scale}
            corners = {"align_corners": False} if layer.mode == "bilinear" else {}
            return _call("nn.Upsample", [], {**size, "mode": layer.mode, **corners})
        case "rescale":
            return "Rescale()"


def _given(layer: Layer, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: getattr(layer, name)
        for name, default in defaults.items()
        if hasattr(layer, name) and getattr(layer, name) != default
    }


def _call(name: str, arguments: Iterable[Any], options: Mapping[str, Any]) -> str:
    written = [_value(each) for each in arguments] + [
        f"{key}={_value(each)}" for key, each in options.items()
    ]
    return f"{name}({', '.join(written)})"


def _value(value: Any) -> str:
    """A pair of equal numbers as one number, as people write it."""
    if isinstance(value, tuple) and len(value) == 2 and value[0] == value[1]:
        value = value[0]
    return repr(value)


_IMPORTS = {
    "Sequence": ("from collections.abc import Sequence\n", ""),
    "Tensor": ("from torch import Tensor, nn\n", "from torch import nn\n"),
}
"""Lines of the head that not every file needs, and what stands in their place."""

_HEAD = '''"""{name}: {paths}.

Written by legonet; needs torch and safetensors only. `load()` gives the model with its weights.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

'''

_TAIL = '''

def load(folder: str | Path | None = None) -> Model:
    """The model with its weights, ready for inference.

    Args:
        folder: of weights.safetensors; default: beside this file.
    """
    path = Path(folder) if folder else Path(__file__).parent
    model = Model()
    model.load_state_dict(load_file(path / "weights.safetensors"))
    return model.eval().requires_grad_(False){to}
'''
