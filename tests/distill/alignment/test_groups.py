"""Which units may change places, and that a model computes the same when they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from legonet.distill.alignment import align
from legonet.distill.alignment.groups import Group
from legonet.distill.alignment.permute import Symmetry
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec, renamed
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.ir.observe import observed
from legonet.ops.table import ROWS
from tests.distill.alignment.random_graphs import SHAPE, GraphWriter, random_graph, ref
from tests.ops.calls import CALLS, model


@pytest.mark.parametrize("seed", range(80))
def test_a_reordered_graph_computes_the_same(seed: int) -> None:
    module, generator = random_graph(seed), torch.Generator().manual_seed(seed)
    symmetry = Symmetry(module, SHAPE)
    permuted = symmetry.permuted(symmetry.random(generator))
    x = torch.randn(3, *SHAPE, generator=generator, dtype=torch.float64)
    before: list[Tensor] = []
    after: list[Tensor] = []
    wanted, found = observed(module, x, before.append), observed(permuted.module, x, after.append)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    for mine, theirs in zip(after, permuted.reordered(before), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


def test_random_graphs_have_units_that_change_places() -> None:
    """So that the test above tests something: most have, and many have units that move with blocks."""
    found = [Symmetry(random_graph(seed), SHAPE).groups.roots for seed in range(80)]
    assert sum(bool(roots) for roots in found) > 60
    assert sum(any(unit.groups for group in roots for unit in group.units) for roots in found) > 20


def sizes(group: Group) -> tuple[object, ...]:
    """How many units change places, and those of each group that moves with them."""
    return (len(group.units), *(sizes(each) for each in group.units[0].groups))


def groups(body: Callable[[GraphWriter], str]) -> list[tuple[object, ...]]:
    """The groups between a convolution to eight channels and one to two."""
    return [sizes(each) for each in Symmetry(network(body), SHAPE).groups.roots]


def network(body: Callable[[GraphWriter], str]) -> GraphModule:
    """Two convolutions, and what stands between them; it takes and gives eight channels."""
    write = GraphWriter(0)
    write.call("conv2d", ref("input"), write.weight(8, 8, 1, 1), write.weight(8))
    made = write.call("relu", ref(body(write)))
    return write.module(write.call("conv2d", ref(made), write.weight(2, 8, 1, 1), None))


STEM = "conv2d_0"


def halves_apart(write: GraphWriter) -> str:
    parts = write.call("split.Tensor", ref(STEM), 4, 1)
    first, second = (write.call("getitem", ref(parts), index) for index in (0, 1))
    return write.call("cat", [ref(write.call("tanh", ref(first))), ref(second)], 1)


def residual(write: GraphWriter) -> str:
    inner = write.call("conv2d", ref(STEM), write.weight(4, 8, 1, 1), None)
    outer = write.call("conv2d", ref(write.call("relu", ref(inner))), write.weight(8, 4, 1, 1), None)
    return write.call("add.Tensor", ref(STEM), ref(outer))


def two_norms(write: GraphWriter) -> str:
    """Norms over two and over four groups: neither's groups are the other's."""
    made = write.call("group_norm", ref(STEM), 2, None, None)
    return write.call("group_norm", ref(made), 4, None, None)


CASES: dict[str, tuple[Callable[[GraphWriter], str], list[tuple[object, ...]]]] = {
    "nothing": (lambda write: STEM, [(8,)]),
    "halves that go different ways": (halves_apart, [(4,), (4,)]),
    "residual": (residual, [(8,), (4,)]),
    "cumulative sum": (lambda write: write.call("cumsum", ref(STEM), 1), []),
    "softmax": (lambda write: write.call("softmax.int", ref(STEM), 1), [(8,)]),
    "depthwise": (
        lambda write: write.call(
            "conv2d", ref(STEM), write.weight(8, 1, 3, 3), None, [1, 1], [1, 1], [1, 1], 8
        ),
        [(8,)],
    ),
    "grouped": (
        lambda write: write.call(
            "conv2d", ref(STEM), write.weight(8, 2, 1, 1), None, [1, 1], [0, 0], [1, 1], 4
        ),
        [(4, (2,), (2,))],
    ),
    "group norm": (lambda write: write.call("group_norm", ref(STEM), 2, None, None), [(2, (4,))]),
    "a number for each channel": (
        lambda write: write.call("mul.Tensor", ref(STEM), write.weight(8, 1, 1)),
        [(8,)],
    ),
    "the same channel twice": (
        lambda write: write.call("add.Tensor", ref(STEM), ref(write.call("roll", ref(STEM), [4], [1]))),
        [(4,)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_groups_are_those_of_the_operation(case: str) -> None:
    body, wanted = CASES[case]
    assert groups(body) == wanted


def test_blocks_that_overlap_keep_their_places() -> None:
    """Four channels for each group of one norm, two of the other."""
    assert groups(two_norms) == []


def test_a_weight_that_two_operations_take_in_different_ways_stays() -> None:
    def body(write: GraphWriter) -> str:
        weight = write.weight(8, 8)
        flat = write.call("permute", ref(STEM), [0, 2, 3, 1])
        made = write.call("linear", ref(flat), weight, None)
        turned = write.call("permute", ref(made), [0, 3, 1, 2])
        column = write.call("view", ref(write.call("select.int", weight, 1, 0)), [8, 1, 1])
        return write.call("add.Tensor", ref(turned), ref(column))

    assert groups(body) == []


def test_the_input_is_free_where_only_weights_take_it() -> None:
    assert Symmetry(network(lambda write: STEM), SHAPE).groups.free
    tied = network(lambda write: write.call("add.Tensor", ref(STEM), ref("input")))
    symmetry = Symmetry(tied, SHAPE)
    assert not symmetry.groups.free
    moved = symmetry.permuted(symmetry.random(torch.Generator().manual_seed(0))).module
    assert "index_select" in {step.function for step in moved.graph.steps.values()}


def test_nothing_is_aligned_where_nothing_can_change_places() -> None:
    module = network(lambda write: write.call("cumsum", ref(STEM), 1))
    assert align(module, module, SHAPE) is None


def between(name: str, arguments: list[Any], shape: tuple[int, ...]) -> GraphModule:
    """A model of one call, between a layer whose units change places and one that reads them."""
    middle = model(name, arguments)
    kind = ("linear", "conv1d", "conv2d", "conv3d")[len(shape) - 1]
    below = torch.rand(shape[0], shape[0], *[1] * (len(shape) - 1), dtype=torch.float64)
    steps = {"below": Operation("below", kind, (ref(INPUT), {"tensor": "below.weight"}), {})}
    steps |= {key: renamed(step, INPUT, "below") for key, step in middle.graph.steps.items()}
    steps["float"] = Operation("float", "to.dtype", (ref(middle.graph.output), {"dtype": "float64"}), {})
    steps["flat"] = Operation("flat", "reshape", (ref("float"), [{"batch": 1}, -1]), {})
    inputs = middle(torch.ones(1, *shape, dtype=torch.float64)).numel()
    above = torch.randn(2, inputs, dtype=torch.float64)
    steps["above"] = Operation("above", "linear", (ref("flat"), {"tensor": "above.weight"}), {})
    tensors = {"below.weight": below, "above.weight": above, **middle.state_dict()}
    specs = {key: TensorSpec(tuple(each.shape), str(each.dtype)[6:]) for key, each in tensors.items()}
    return with_tensors(ModelGraph(steps, "above", specs), tensors)


@pytest.mark.parametrize("name", sorted(name for name in CALLS if ROWS[name].units is not None))
def test_units_pass_every_operation_as_its_row_says(name: str) -> None:
    torch.manual_seed(0)
    arguments, shape = CALLS[name]
    module = between(name, arguments, shape)
    symmetry = Symmetry(module, shape)
    generator = torch.Generator().manual_seed(0)
    permuted = symmetry.permuted(symmetry.random(generator)).module
    x = torch.rand(3, *shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(permuted(x), module(x), rtol=1e-9, atol=1e-9)
