"""Random graphs of operations, of everything that units pass in a way of their own."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors

CHANNELS, SIDE = 8, 4
SHAPE = (CHANNELS, SIDE, SIDE)

Maps = dict[str, int]
"""Results that are maps of SIDE x SIDE, and how many channels they have."""


class GraphWriter:
    """Writes a graph, operation by operation, with random weights in float64."""

    def __init__(self, seed: int) -> None:
        self.steps: dict[str, Operation] = {}
        self.tensors: dict[str, Tensor] = {}
        self.chance = random.Random(seed)
        self._generator = torch.Generator().manual_seed(seed)

    def call(self, function: str, *arguments: Any, **keywords: Any) -> str:
        """Add an operation; results are given by their names, as `Ref`s."""
        name = f"{function.split('.')[0]}_{len(self.steps)}"
        self.steps[name] = Operation(name, function, arguments, keywords, name)
        return name

    def weight(self, *shape: int, positive: bool = False) -> dict[str, str]:
        """Add a tensor."""
        name = f"weight_{len(self.tensors)}"
        drawn = torch.randn(shape, generator=self._generator, dtype=torch.float64)
        self.tensors[name] = drawn.abs() + 0.5 if positive else drawn / max(drawn[0].numel(), 1) ** 0.5
        return {"tensor": name}

    def module(self, output: str) -> GraphModule:
        """The model up to a result."""
        specs = {name: TensorSpec(tuple(each.shape), "float64") for name, each in self.tensors.items()}
        return with_tensors(ModelGraph(self.steps, output, specs), self.tensors)


def ref(name: str) -> dict[str, str]:
    """A result as an argument."""
    return {"ref": name}


def random_graph(seed: int, length: int = 8) -> GraphModule:
    """A model for inputs of `SHAPE`: maps are made of maps at random, and lead to two scores."""
    write = GraphWriter(seed)
    maps: Maps = {INPUT: CHANNELS}
    for _ in range(length):
        source = write.chance.choice(list(maps)[-3:])
        made, channels = write.chance.choice(MOVES)(write, maps, source)
        if channels % 4:  # too few for groups
            made, channels = _conv(write, {made: channels}, made)
        maps[made] = channels
    flat = write.call("flatten.using_ints", ref(made), 1)
    return write.module(write.call("linear", ref(flat), write.weight(2, channels * SIDE**2), write.weight(2)))


def _conv(write: GraphWriter, maps: Maps, source: str, groups: int = 1) -> tuple[str, int]:
    channels = maps[source]
    outputs = channels if groups == channels > 1 else write.chance.choice([4, 8])
    weight = write.weight(outputs, channels // groups, 3, 3)
    return write.call(
        "conv2d", ref(source), weight, write.weight(outputs), [1, 1], [1, 1], [1, 1], groups
    ), outputs


def _depthwise(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    return _conv(write, maps, source, maps[source])


def _grouped(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    return _conv(write, maps, source, 2)


def _transposed(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    channels, groups = maps[source], write.chance.choice([1, 2, 4])
    weight = write.weight(channels, 8 // groups, 3, 3)
    arguments = [[1, 1], [1, 1], [0, 0], groups]
    return write.call("conv_transpose2d.input", ref(source), weight, write.weight(8), *arguments), 8


def _shared(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """One weight, twice."""
    weight = write.weight(maps[source], maps[source], 1, 1)
    first = write.call("conv2d", ref(source), weight, None)
    return write.call("conv2d", ref(write.call("relu", ref(first))), weight, None), maps[source]


def _rectified(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    return write.call(write.chance.choice(["relu", "gelu", "hardswish"]), ref(source)), maps[source]


def _added(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    alike = [name for name, channels in maps.items() if channels == maps[source]]
    return write.call("add.Tensor", ref(source), ref(write.chance.choice(alike))), maps[source]


def _joined(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    other = write.chance.choice(list(maps))
    made = write.call("cat", [ref(source), ref(other)], 1)
    weight = write.weight(8, maps[source] + maps[other], 1, 1)
    return write.call("conv2d", ref(made), weight, None), 8


def _halves(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """One half goes another way, as in ShuffleNet."""
    channels = maps[source]
    both = write.call("chunk", ref(source), 2, 1)
    first, second = (write.call("getitem", ref(both), index) for index in (0, 1))
    maps_of_half = {first: channels // 2}
    other, half = write.chance.choice([_rectified, _depthwise])(write, maps_of_half, first)
    made = write.call("cat", [ref(second), ref(other)], 1)
    return write.call("channel_shuffle", ref(made), 2), channels // 2 + half


def _gated(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """Squeeze and excitation."""
    channels = maps[source]
    mean = write.call("mean.dim", ref(source), [2, 3], True)
    inner = write.call("relu", ref(write.call("conv2d", ref(mean), write.weight(4, channels, 1, 1), None)))
    gate = write.call("sigmoid", ref(write.call("conv2d", ref(inner), write.weight(channels, 4, 1, 1), None)))
    return write.call("mul.Tensor", ref(source), ref(gate)), channels


def _linear_unit(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    made = write.call("conv2d", ref(source), write.weight(16, maps[source], 1, 1), write.weight(16))
    return write.call("glu", ref(made), 1), 8


def _batch_norm(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    numbers = [write.weight(maps[source], positive=True) for _ in range(4)]
    return write.call("batch_norm", ref(source), *numbers, False, 0.1, 1e-5, True), maps[source]


def _group_norm(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    numbers = [write.weight(maps[source]) for _ in range(2)]
    return write.call("group_norm", ref(source), write.chance.choice([1, 2, 4]), *numbers), maps[source]


def _layer_norm(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """Of channels, as in ConvNeXt."""
    channels = maps[source]
    last = write.call("permute", ref(source), [0, 2, 3, 1])
    made = write.call("layer_norm", ref(last), [channels], write.weight(channels), write.weight(channels))
    return write.call("permute", ref(made), [0, 3, 1, 2]), channels


def _centred(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """A norm of channels, written out."""
    mean = write.call("mean.dim", ref(source), [1], True)
    made = write.call("sub.Tensor", ref(source), ref(mean))
    width = write.call("linalg_vector_norm", ref(made), 2, [1], True)
    wide = write.call("expand", ref(write.call("clamp_min", ref(width), 1e-3)), [-1, maps[source], -1, -1])
    return write.call("div.Tensor", ref(made), ref(wide)), maps[source]


def _softmax(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    return write.call("softmax.int", ref(source), write.chance.choice([1, 2])), maps[source]


def _pooled(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    return write.call("max_pool2d", ref(source), [3, 3], [1, 1], [1, 1]), maps[source]


def _resized(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """Up by interpolation, down by moving pixels to channels and mixing these."""
    up = write.call("upsample_bilinear2d.vec", ref(source), None, False, [2.0, 2.0])
    down = write.call("pixel_unshuffle", ref(up), 2)
    return write.call("conv2d", ref(down), write.weight(8, 4 * maps[source], 1, 1), None), 8


def _unpixelled(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """Channels become pixels."""
    made = write.call("pixel_shuffle", ref(source), 2)
    return write.call("avg_pool2d", ref(made), [2, 2]), maps[source] // 4


def _mirrored(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    made = write.call("flip", ref(source), [write.chance.choice([1, 2])])
    return write.call("add.Tensor", ref(source), ref(made)), maps[source]


def _padded(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """Channels of zeros, as in the first residual networks."""
    made = write.call("constant_pad_nd", ref(source), [1, 1, 0, 0, 0, 4], 0.0)
    return write.call("slice.Tensor", ref(made), 3, 1, SIDE + 1), maps[source] + 4


def _scaled(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """A number for each channel, position or group of channels."""
    channels = maps[source]
    shape = write.chance.choice([(channels, 1, 1), (1, SIDE, SIDE), (channels, SIDE, SIDE)])
    return write.call("mul.Tensor", ref(source), write.weight(*shape)), channels


def _by_group(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """A number for each half of the channels."""
    channels = maps[source]
    parts = write.call("reshape", ref(source), [{"batch": 1}, 2, channels // 2, SIDE, SIDE])
    made = write.call("mul.Tensor", ref(parts), write.weight(2, 1, 1, 1))
    return write.call("reshape", ref(made), [{"batch": 1}, channels, SIDE, SIDE]), channels


def _attention(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """Two heads of four, with a learned bias of positions for each."""
    tokens = write.call("transpose.int", ref(write.call("flatten.using_ints", ref(source), 2)), 1, 2)
    wide = write.call("linear", ref(tokens), write.weight(24, maps[source]), write.weight(24))
    parts = write.call("reshape", ref(wide), [{"batch": 1}, SIDE**2, 3, 2, 4])
    turned = write.call("permute", ref(parts), [2, 0, 3, 1, 4])
    query, key, value = (write.call("select.int", ref(turned), 0, index) for index in range(3))
    bias = write.weight(1, 2, SIDE**2, SIDE**2)
    if write.chance.random() < 0.5:
        made = write.call("scaled_dot_product_attention", ref(query), ref(key), ref(value), bias)
    else:
        scores = write.call("matmul", ref(query), ref(write.call("transpose.int", ref(key), -2, -1)))
        weights = write.call("softmax.int", ref(write.call("add.Tensor", ref(scores), bias)), -1)
        made = write.call("matmul", ref(weights), ref(value))
    joined = write.call(
        "reshape", ref(write.call("transpose.int", ref(made), 1, 2)), [{"batch": 1}, SIDE**2, 8]
    )
    outwards = write.call("linear", ref(joined), write.weight(8, 8), write.weight(8))
    return write.call(
        "reshape", ref(write.call("transpose.int", ref(outwards), 1, 2)), [{"batch": 1}, 8, SIDE, SIDE]
    ), 8


def _mixed_positions(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """A linear layer across positions, as in mixers."""
    flat = write.call("flatten.using_ints", ref(source), 2)
    made = write.call("linear", ref(flat), write.weight(SIDE**2, SIDE**2), write.weight(SIDE**2))
    return write.call("reshape", ref(made), [{"batch": 1}, maps[source], SIDE, SIDE]), maps[source]


def _unlisted(write: GraphWriter, maps: Maps, source: str) -> tuple[str, int]:
    """An operation without a rule, which tells channels apart."""
    return write.call("cumsum", ref(source), 1), maps[source]


MOVES: list[Callable[[GraphWriter, Maps, str], tuple[str, int]]] = [
    *[
        _conv,
        _depthwise,
        _grouped,
        _transposed,
        _shared,
        _rectified,
        _added,
        _joined,
        _halves,
        _gated,
        _linear_unit,
    ],
    *[
        _batch_norm,
        _group_norm,
        _layer_norm,
        _centred,
        _softmax,
        _pooled,
        _resized,
        _unpixelled,
        _mirrored,
        _padded,
    ],
    *[_scaled, _by_group, _attention, _mixed_positions, _unlisted],
]
