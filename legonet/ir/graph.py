"""A model as a graph of operations, which is all that legonet computes with.

Each operation names one of PyTorch's own (ATen) functions, from the table in `legonet.ops.table`, and its
arguments: numbers, earlier operations, and tensors by the names of the model's state dict. It is data:
nothing in it is code, and what is not in the table is refused when it is read. The batch's size is the only
number that may depend on the input. Needs no torch.

Arguments in JSON: null, true, 3, 0.5, "bilinear", lists of them, and

    {"ref": "layer1.0.conv1"}    what an earlier operation gave; "input" is the model's input
    {"tensor": "conv1.weight"}   a tensor of the model
    {"batch": 4}                 four times the number of images
    {"dtype": "float32"}         a type of numbers
    {"infinity": -1}             minus infinity
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from legonet.graph.suggest import listed
from legonet.ir.notation import Layers, layers_data
from legonet.ops.call import Arguments, Shape
from legonet.ops.table import ROWS

INPUT = "input"
LONGEST_NAME = 512
LARGEST = 2**62 - 1  # no number of elements may be larger, so that torch can count their bytes
UNLIKELY = 10_007  # images of a batch by which shapes are told: a size that no other axis is likely to have
DEEPEST = 16  # lists in lists that an argument may have
LONGEST_LIST = 10_000  # values of an argument
MOST_STEPS = 20_000  # of a model, and its tensors; the largest that torchvision and timm build have 5,000
MOST_AXES = 64
DTYPES = frozenset(
    {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"}
)
_MARKS = frozenset({"ref", "tensor", "batch", "dtype", "infinity"})


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of a model.

    Attributes:
        shape: Sizes of its axes.
        dtype: Such as `float32`.
        buffer: It is recorded, not trained: running statistics, constants.
    """

    shape: Shape
    dtype: str = "float32"
    buffer: bool = False


@dataclass(frozen=True)
class Operation(Arguments):
    """One call of a function.

    Attributes:
        name: The name of its result: where it stands in the model, such as `layer1.0.conv1`.
        function: The name of the operation in ATen, such as `conv2d` or `add.Tensor`.
        arguments: The arguments by position, as in JSON.
        keywords: The arguments by name, likewise.
        module: The innermost module that calls it, such as `layer1.0.conv1`; empty for the model itself.
    """

    name: str
    function: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    module: str = ""

    def references(self) -> Iterator[str]:
        """What it takes: names of earlier operations, or `input`."""
        return iter(self._references)

    def tensors(self) -> Iterator[str]:
        """The names of the model's tensors that it takes."""
        return iter(self._tensors)

    @cached_property
    def _references(self) -> tuple[str, ...]:
        return tuple(_marked((self.arguments, self.keywords), "ref"))

    @cached_property
    def _tensors(self) -> tuple[str, ...]:
        return tuple(_marked((self.arguments, self.keywords), "tensor"))

    def data(self) -> dict[str, Any]:
        """Write it as plain data."""
        data: dict[str, Any] = {"name": self.name, "op": self.function, "args": _plain(self.arguments)}
        data |= {"kwargs": _plain(dict(sorted(self.keywords.items())))} if self.keywords else {}
        return data | ({"module": self.module} if self.module != self.name else {})


@dataclass(frozen=True)
class ModelGraph:
    """A model.

    Attributes:
        steps: The operations by name, in the order of computing.
        output: The name of the operation that gives the output; `input` for a model without operations.
        tensors: Those of the state dict, by name; all are taken by operations, but for batch norm's counters
            in a graph that has a notation.
        notation: The layers that it was lowered from, if it was: its form in block files, blobs and hashes.
    """

    steps: Mapping[str, Operation]
    output: str
    tensors: Mapping[str, TensorSpec]
    notation: Layers | None = field(default=None, compare=False)

    def entry(self) -> dict[str, Any]:
        """Write it as a block's key and plain data: `layers` where it has a notation, else `operations`."""
        return (
            {"operations": self.data()} if self.notation is None else {"layers": layers_data(self.notation)}
        )

    def without_notation(self) -> ModelGraph:
        """The same operations, with the tensors that they take and no others."""
        return restricted(replace(self, notation=None), self.steps, self.output)

    def data(self) -> dict[str, Any]:
        """Write it as plain data; `graph_from_data` reads it back."""
        tensors: dict[str, Any] = {}
        for name, spec in self.tensors.items():
            tensors[name] = {"shape": list(spec.shape)}
            tensors[name] |= {"dtype": spec.dtype} if spec.dtype != "float32" else {}
            tensors[name] |= {"buffer": True} if spec.buffer else {}
        return {
            "steps": [step.data() for step in self.steps.values()],
            "output": self.output,
            "tensors": tensors,
        }

    def json(self) -> str:
        """Write its notation, or else its operations, as JSON, always in the same bytes."""
        data = self.data() if self.notation is None else layers_data(self.notation)
        return json.dumps(data, separators=(",", ":"), allow_nan=False)

    def last_uses(self) -> dict[str, str]:
        """For each result, `input` included, the last operation that takes it."""
        return {name: step.name for step in self.steps.values() for name in step.references()}


def restricted(graph: ModelGraph, steps: Mapping[str, Operation], output: str) -> ModelGraph:
    """A part of a model: these steps, and the tensors that they take; of a chain, a chain."""
    used = {name for step in steps.values() for name in step.tensors()}
    notation = None
    if graph.notation is not None:
        notation = {name: layer for name, layer in graph.notation.items() if name in steps}
        used |= {name for name in graph.tensors if name.rpartition(".")[0] in notation}
    tensors = {name: spec for name, spec in graph.tensors.items() if name in used}
    return ModelGraph(dict(steps), output, tensors, notation)


def renamed(step: Operation, old: str, new: str) -> Operation:
    """A step that takes `new` where it took `old`."""

    def change(value: Any) -> Any:
        if isinstance(value, Mapping):
            return (
                {"ref": new} if value == {"ref": old} else {key: change(each) for key, each in value.items()}
            )
        return [change(each) for each in value] if isinstance(value, list | tuple) else value

    return replace(step, arguments=tuple(change(step.arguments)), keywords=change(step.keywords))


def graph_from_data(data: Any) -> ModelGraph:
    """Read a model; nothing in the data is trusted.

    Raises:
        ValueError: It is none; says where and why.
    """
    if not isinstance(data, Mapping) or set(data) != {"steps", "output", "tensors"}:
        raise ValueError("expected the keys steps, output and tensors")
    if not isinstance(data["steps"], list) or not isinstance(data["tensors"], Mapping):
        raise ValueError("expected a list of steps, and tensors by name")
    if max(len(data["steps"]), len(data["tensors"])) > MOST_STEPS:
        raise ValueError(f"more than {MOST_STEPS:,} steps or tensors; expected a model that is run")
    tensors = {_name(name): _tensor(name, spec) for name, spec in data["tensors"].items()}
    for name in tensors:
        inside = next((each for each in _prefixes(name) if each in tensors), None)
        if inside is not None:
            raise ValueError(f"tensors.{name}: '{inside}' is a tensor itself; expected a module")
    steps: dict[str, Operation] = {}
    for each in data["steps"]:
        step = _step(each)
        if step.name in steps or step.name == INPUT:
            raise ValueError(f"{step.name}: two results have this name")
        for reference in step.references():
            if reference != INPUT and reference not in steps:
                raise ValueError(f"{step.name}: takes '{reference}', which no operation before it gives")
        for tensor in step.tensors():
            if tensor not in tensors:
                raise ValueError(f"{step.name}: takes the tensor '{tensor}', which is not listed")
        steps[step.name] = step
    if not isinstance(data["output"], str) or data["output"] not in steps:
        raise ValueError(f"output: '{data['output']}' is not an operation")
    unused = set(tensors) - {name for step in steps.values() for name in step.tensors()}
    if unused:
        raise ValueError(f"tensors: no operation takes {listed(sorted(unused))}")
    return ModelGraph(steps, data["output"], tensors)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"{name!r}: expected a name")
    if not all(name.split(".")):
        raise ValueError(f"{name!r}: expected names with single dots between them")
    return name


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def _tensor(name: str, data: Any) -> TensorSpec:
    if not isinstance(data, Mapping) or not {"shape"} <= set(data) <= {"shape", "dtype", "buffer"}:
        raise ValueError(f"tensors.{name}: expected shape, dtype and buffer")
    shape, dtype, buffer = data["shape"], data.get("dtype", "float32"), data.get("buffer", False)
    if not isinstance(shape, list) or any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"tensors.{name}: its shape is not a list of sizes")
    if len(shape) > MOST_AXES or any(size > LARGEST for size in shape):  # before they are multiplied
        raise ValueError(f"tensors.{name}: its shape has more numbers than any memory holds")
    if math.prod(max(size, 1) for size in shape) > LARGEST // 8:
        raise ValueError(f"tensors.{name}: its shape has more numbers than any memory holds")
    if not isinstance(dtype, str) or dtype not in DTYPES or type(buffer) is not bool:
        raise ValueError(f"tensors.{name}: dtype {dtype!r} is not known")
    return TensorSpec(tuple(shape), dtype, buffer)


def _step(data: Any) -> Operation:
    if not isinstance(data, Mapping) or not {"name", "op", "args"} <= set(data):
        raise ValueError("steps: expected name, op and args of each")
    name = _name(data["name"])
    if not isinstance(data["op"], str) or data["op"] not in ROWS:
        raise ValueError(f"{name}: operation {data['op']!r} is not allowed; expected one of legonet's table")
    keywords, module = data.get("kwargs", {}), data.get("module", name)
    if not isinstance(data["args"], list) or not isinstance(keywords, Mapping) or not isinstance(module, str):
        raise ValueError(f"{name}: expected a list of args, kwargs by name and a module's name")
    if "device" in keywords:
        raise ValueError(f"{name}: names a device; expected operations that run where their input is")
    for value in (*data["args"], *keywords.values()):
        _check(name, value)
    return Operation(name, data["op"], tuple(data["args"]), dict(keywords), module)


def _check(name: str, value: Any, depth: int = 0) -> None:
    if isinstance(value, list):
        if depth == DEEPEST:
            raise ValueError(f"{name}: an argument has lists in lists, more than {DEEPEST} deep")
        if len(value) > LONGEST_LIST:
            raise ValueError(f"{name}: an argument has a list of more than {LONGEST_LIST:,} values")
        for each in value:
            _check(name, each, depth + 1)
    elif isinstance(value, Mapping):
        ((mark, content),) = value.items() if len(value) == 1 else ((None, None),)
        wanted = int if mark in ("batch", "infinity") else str
        if mark not in _MARKS or type(content) is not wanted or (mark == "dtype" and content not in DTYPES):
            raise ValueError(f"{name}: {value} is not an argument")
        if isinstance(content, int) and not 0 < abs(content) <= (1 if mark == "infinity" else LARGEST):
            raise ValueError(f"{name}: {mark} has no such factor")
    elif value is not None and type(value) not in (bool, int, float, str):
        raise ValueError(f"{name}: {value!r} is not an argument")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{name}: an argument has more than 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: {value} is not finite")


def _marked(value: Any, mark: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        if len(value) == 1 and isinstance(value.get(mark), str):
            yield value[mark]
        else:
            for each in value.values():
                yield from _marked(each, mark)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _marked(each, mark)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
