"""Random graphs, such as nobody writes but anybody may trace, compile to what they compute, by any passes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch

from legonet.compile.network import CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.compile.passes import PASSES
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import with_tensors
from tests.compile.modules import SHAPE, Parts
from tests.compile.test_properties import joined

SEEDS, CHUNKS = 400, 4
ROUNDING = 2e-4  # of the largest output: nothing keeps what random layers compute from cancelling
SIDE = SHAPE[-1]


class Map(NamedTuple):
    """A step's output: most are of `channels` x SIDE x SIDE."""

    ref: dict[str, str]
    channels: int


class Sketch:
    """A graph in the making."""

    def __init__(self, draw: random.Random, channels: int) -> None:
        self.draw = draw
        self.steps: dict[str, Operation] = {}
        self.tensors: dict[str, TensorSpec] = {}
        self.maps = [Map({"ref": INPUT}, channels)]

    def step(self, channels: int, function: str, *arguments: Any) -> Map:
        name = f"s{len(self.steps)}"
        self.steps[name] = Operation(name, function, arguments, {})
        return Map({"ref": name}, channels)

    def tensor(self, kind: str, *shape: int) -> dict[str, str]:
        """A new tensor, or one that other steps take: no pass may change it for one of them only."""
        taken = [name for name, spec in self.tensors.items() if name.startswith(kind) and spec.shape == shape]
        if taken and self.draw.random() < 0.35:
            return {"tensor": self.draw.choice(taken)}
        name = f"{kind}{len(self.tensors)}"
        self.tensors[name] = TensorSpec(shape, buffer=kind != "weight")
        return {"tensor": name}

    def perhaps(self, kind: str, *shape: int) -> dict[str, str] | None:
        return self.tensor(kind, *shape) if self.draw.random() < 0.6 else None

    def below(self) -> Map:
        """Mostly one of the last, so that graphs are deep, and branch."""
        return self.draw.choice(self.maps[-3:] if self.draw.random() < 0.8 else self.maps)


Maker = Callable[[Sketch, Map], Map]


def conv(sketch: Sketch, below: Map, channels: int = 0) -> Map:
    above, kernel = channels or sketch.draw.choice([below.channels, 2, 4]), sketch.draw.choice([1, 3])
    groups = below.channels if above % below.channels == 0 and sketch.draw.random() < 0.15 else 1
    weight = sketch.tensor("weight", above, below.channels // groups, kernel, kernel)
    bias, padding = sketch.perhaps("weight", above), [kernel // 2] * 2
    return sketch.step(above, "conv2d", below.ref, weight, bias, [1, 1], padding, [1, 1], groups)


def batch_norm(sketch: Sketch, below: Map) -> Map:
    size = below.channels
    affine = sketch.perhaps("weight", size), sketch.perhaps("weight", size)
    running = sketch.tensor("mean", size), sketch.tensor("var", size)
    return sketch.step(size, "batch_norm", below.ref, *affine, *running, False, 0.1, 1e-5, True)


def rescale(sketch: Sketch, below: Map) -> Map:
    return sketch.step(below.channels, "mul.Tensor", below.ref, sketch.tensor("beta"))


def one(function: str, *arguments: Any) -> Maker:
    """Of one map."""
    return lambda sketch, below: sketch.step(below.channels, function, below.ref, *arguments)


def two(function: str) -> Maker:
    """Of two maps of a shape, which may be one and the same."""

    def make(sketch: Sketch, below: Map) -> Map:
        other = sketch.draw.choice([each for each in sketch.maps if each.channels == below.channels])
        return sketch.step(below.channels, function, below.ref, other.ref)

    return make


def concatenate(sketch: Sketch, below: Map) -> Map:
    other = sketch.below()
    return sketch.step(below.channels + other.channels, "cat", [below.ref, other.ref], 1)


def add_constant(sketch: Sketch, below: Map) -> Map:
    """What depends on no image, perhaps computed by a step of its own."""
    constant: Any = sketch.tensor("const", 1, below.channels, SIDE, SIDE)
    if sketch.draw.random() < 0.5:
        constant = sketch.step(0, sketch.draw.choice(["neg", "dropout", "relu"]), constant).ref
    return sketch.step(below.channels, "add.Tensor", below.ref, constant)


def tokens(sketch: Sketch, below: Map) -> Map:
    """A linear layer, often under a batch norm: whose channels are not the layer's outputs."""
    channels, pixels = below.channels, SIDE * SIDE
    flat = sketch.step(channels, "reshape", below.ref, [{"batch": 1}, channels, pixels])
    weights = sketch.tensor("weight", pixels, pixels), sketch.tensor("weight", pixels)
    value = sketch.step(channels, "linear", flat.ref, *weights)
    value = batch_norm(sketch, value) if sketch.draw.random() < 0.6 else value
    return sketch.step(channels, "reshape", value.ref, [{"batch": 1}, channels, SIDE, SIDE])


def gate(sketch: Sketch, below: Map) -> Map:
    """A factor for every pixel, or, from the mean over pixels, for every channel."""
    size = below.channels
    if sketch.draw.random() < 0.5:
        factor = conv(sketch, below, 1)
    else:
        mean = sketch.step(size, "adaptive_avg_pool2d", below.ref, [1, 1])
        factor = sketch.step(size, "sigmoid", conv(sketch, mean, size).ref)
    return sketch.step(size, "mul.Tensor", below.ref, factor.ref)


MAKERS: list[tuple[Maker, int]] = [  # with how often each is drawn
    *[(conv, 5), (batch_norm, 4), (rescale, 3), (gate, 2), (tokens, 1)],
    *[(concatenate, 1), (add_constant, 1), (two("add.Tensor"), 2), (two("sub.Tensor"), 1)],
    *[(two("mul.Tensor"), 1), (two("maximum"), 1), (one("add.Tensor", 1.5), 1), (one("roll", [1], [1]), 1)],
    *[(one(f"{kind}_pool2d", [3, 3], [1, 1], [1, 1]), 1) for kind in ("avg", "max")],
    *[(one(f), 1) for f in ("dropout", "feature_dropout", "identity", "neg", "hardswish")],
    (one("relu"), 5),
]


def random_graph(draw: random.Random, below: int, steps: int, above: int = 0) -> ModelGraph:
    """From maps of `below` channels; to `above`, if that is given."""
    sketch = Sketch(draw, below)
    makers, often = zip(*MAKERS, strict=True)
    for maker in draw.choices(makers, often, k=steps):
        sketch.maps.append(maker(sketch, sketch.below()))
    last = sketch.maps[-1]
    if not sketch.steps or last.channels != (above or last.channels):
        last = conv(sketch, last, above)
    return ModelGraph(sketch.steps, last.ref["ref"], sketch.tensors)


def filled(graph: ModelGraph, seed: int) -> GraphModule:
    generator = torch.Generator().manual_seed(seed)
    values = {name: torch.randn(each.shape, generator=generator) / 2 for name, each in graph.tensors.items()}
    return with_tensors(graph, {n: v.abs() + 0.5 if n.startswith("var") else v for n, v in values.items()})


def member(draw: random.Random, others: list[GraphModule], below: int, above: int) -> GraphModule:
    """New, or of another's architecture: with its own weights, or all but the last of the other's."""
    origin = draw.choice(["new", "alike", "tuned"]) if others else "new"
    if origin == "new":
        return filled(random_graph(draw, below, draw.randint(0, 9), above), draw.randint(0, 3))
    other = draw.choice(others)
    if origin == "alike":
        return filled(other.graph, draw.randint(0, 3))
    tensors = {name: other.tensor(name) for name in other.graph.tensors}
    return with_tensors(other.graph, tensors | {name: tensors[name] * 1.5 for name in list(tensors)[-1:]})


def members(draw: random.Random, kind: str, most: int, below: int, above: int = 0) -> dict[str, GraphModule]:
    made: list[GraphModule] = []
    for _ in range(draw.randint(1, most)):
        made.append(member(draw, made, below, above))
    return {f"{kind}{number}": module for number, module in enumerate(made)}


def network(draw: random.Random) -> Parts:
    categories, tasks = members(draw, "c", 4, below=3, above=4), members(draw, "t", 3, below=4)
    every = [(category, task) for category in categories for task in tasks]
    chosen = draw.sample(every, draw.randint(1, min(6, len(every))))
    paths = tuple(CompiledPath(*pair, native=draw.random() < 0.3) for pair in chosen)
    graphs = [random_graph(draw, 4, draw.randint(1, 4), 4) for _ in range(2)]
    return Parts(
        paths,
        draw.choice([build_graph(lower({})), Normalise((0.5,) * 3, (0.25,) * 3)]),
        {path.category: categories[path.category] for path in paths},
        {path.name: filled(draw.choice(graphs), draw.randint(0, 2)) for path in paths if not path.native},
        {path.task: tasks[path.task] for path in paths},
    )


def random_options(draw: random.Random) -> CompileOptions:
    some = [each for each in PASSES if draw.random() < 0.6]
    return CompileOptions(
        draw.choice(["all", "exact", "training", "none", some, some]),
        separate_inputs=draw.random() < 0.25,
        memory_format=draw.choice(["contiguous", "channels-last"]),
        grouping="rule",
    )


def expect_as_composed(seed: int) -> None:
    """Bit for bit where the same operations run on the same bytes."""
    draw, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    made, options = network(draw), random_options(draw)
    app, apart = joined(made, options), options.separate_inputs
    same = options.passes in ("exact", "none") and options.memory_format == "contiguous" and not apart
    for batch in (1, 3):
        drawn = torch.rand(len(made.categories) if apart else 1, batch, *SHAPE, generator=generator)
        images = dict(zip(made.categories, drawn.expand(len(made.categories), *drawn.shape[1:]), strict=True))
        outputs = app.by_path(images if apart else drawn[0])
        for path in made.paths:
            wanted = replace(made, paths=(path,)).naive(images[path.category])[path.name]
            limit = 0 if same else ROUNDING * max(1.0, float(wanted.abs().max()))
            torch.testing.assert_close(outputs[path.name], wanted, rtol=0, atol=limit)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@torch.no_grad()
def test_compiled_as_composed(chunk: int) -> None:
    wrong = {}
    for seed in range(chunk, SEEDS, CHUNKS):
        try:
            expect_as_composed(seed)
        except Exception as error:  # all seeds that fail tell more than the first
            wrong[seed] = repr(error)
    assert not wrong
