"""Shapes by arithmetic are torch's for any arguments, and what torch refuses is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from legonet.ir.functions import function_of
from legonet.ops.call import Call, Extent
from legonet.ops.shapes import axes, broadcast, inferred
from legonet.ops.table import ROWS

SMALL = st.integers(1, 4)
PAIR = st.lists(st.integers(1, 3), min_size=2, max_size=2)
ZEROS = st.lists(st.integers(0, 2), min_size=2, max_size=2)
AXIS = st.integers(-5, 5)
SHAPE = st.lists(SMALL, min_size=1, max_size=4).map(tuple)
MAPS = st.tuples(st.integers(1, 2), SMALL, st.integers(1, 7), st.integers(1, 7))


def tensor(*sizes: st.SearchStrategy[int]) -> st.SearchStrategy[Extent]:
    return st.tuples(*sizes).map(Extent)


def of(shapes: st.SearchStrategy[Any]) -> st.SearchStrategy[Extent]:
    return shapes.map(Extent)


def call(*arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*arguments).map(list)


@st.composite
def alike(draw: st.DrawFn) -> list[Extent]:
    """Some tensors of one shape, but perhaps for one size of one of them."""
    shape = draw(SHAPE)
    found = [list(shape) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        draw(st.sampled_from(found))[draw(st.integers(0, len(shape) - 1))] = draw(SMALL)
    return [Extent(tuple(each)) for each in found]


@st.composite
def weights(draw: st.DrawFn, turned: bool, word: bool = False) -> list[Any]:
    """A convolution that mostly fits its maps."""
    groups, data = draw(st.integers(1, 2)), draw(MAPS)
    inner, outer = data[1] + draw(st.sampled_from([0, 0, 0, 1])), draw(SMALL)
    first, second = (inner, outer) if turned else (outer, max(1, inner // groups))
    bias = draw(st.sampled_from([None, (outer * groups if turned else outer,), (5,)]))
    padding = draw(st.sampled_from(["same", "valid"])) if word else draw(ZEROS)
    rest = [draw(ZEROS), groups, draw(PAIR)] if turned else [draw(PAIR), groups]
    weight = Extent((first, second, *draw(PAIR)))
    return [Extent(data), weight, None if bias is None else Extent(bias), draw(PAIR), padding, *rest]


@st.composite
def by_channels(draw: st.DrawFn, *rest: Any) -> list[Any]:
    data = draw(MAPS)
    given = [Extent((draw(st.sampled_from([data[1], data[1], data[1], 3])),)) for _ in range(4)]
    return [Extent(data), *given, *rest]


@st.composite
def attended(draw: st.DrawFn) -> list[Any]:
    data, size = draw(st.tuples(SMALL, SMALL, SMALL, SMALL)), draw(SMALL)
    tokens, heads = draw(SMALL), draw(st.sampled_from([data[1], data[1], data[1] + 1]))
    key = (data[0], heads, tokens, draw(st.sampled_from([data[3], data[3], 3])))
    return [Extent(data), Extent(key), Extent((*key[:3], size))]  # fewer keys than values: not always refused


DRAWN: dict[str, st.SearchStrategy[list[Any]]] = {
    "conv2d": weights(turned=False),
    "conv2d.padding": weights(turned=False, word=True),
    "conv_transpose2d.input": weights(turned=True),
    "linear": call(of(SHAPE), tensor(SMALL, SMALL), st.none() | tensor(SMALL)),
    "max_pool2d": call(of(MAPS), PAIR, PAIR, ZEROS, PAIR, st.booleans()),
    "avg_pool2d": call(of(MAPS), PAIR, PAIR, ZEROS, st.booleans(), st.booleans()),
    "adaptive_avg_pool2d": call(of(MAPS), PAIR),
    "batch_norm": by_channels(False, 0.1, 1e-5, True),
    "group_norm": call(of(MAPS), st.integers(1, 3), st.none() | tensor(SMALL)),
    "layer_norm": call(of(SHAPE), st.lists(SMALL, min_size=1, max_size=2)),
    "prelu": call(of(SHAPE), tensor(SMALL)),
    "glu": call(of(SHAPE), AXIS),
    "softmax.int": call(of(SHAPE), AXIS),
    "add.Tensor": call(of(SHAPE), of(SHAPE)),
    "maximum": call(of(SHAPE), of(SHAPE)),
    "matmul": call(of(SHAPE), of(SHAPE)),
    "mm": call(of(SHAPE), of(SHAPE)),
    "bmm": call(tensor(SMALL, SMALL, SMALL), tensor(SMALL, SMALL, SMALL)),
    "scaled_dot_product_attention": attended(),
    "mean.dim": call(of(SHAPE), st.lists(AXIS, max_size=2), st.booleans()),
    "amax": call(of(SHAPE), st.lists(AXIS, max_size=2), st.booleans()),
    "max.dim": call(of(SHAPE), AXIS, st.booleans()),
    "flatten.using_ints": call(of(SHAPE), AXIS, AXIS),
    "view": call(of(SHAPE), st.lists(st.integers(1, 8) | st.just(-1), min_size=1, max_size=4)),
    "unflatten.int": call(of(SHAPE), AXIS, st.lists(SMALL | st.just(-1), min_size=1, max_size=3)),
    "expand": call(of(SHAPE), st.lists(SMALL | st.just(-1), max_size=5)),
    "permute": call(of(SHAPE), st.permutations([0, 1, -2, -1]) | st.lists(AXIS, max_size=4)),
    "transpose.int": call(of(SHAPE), AXIS, AXIS),
    "unsqueeze": call(of(SHAPE), AXIS),
    "squeeze": call(of(SHAPE)),
    "squeeze.dim": call(of(SHAPE), AXIS),
    "squeeze.dims": call(of(SHAPE), st.lists(AXIS, min_size=1, max_size=2)),
    "cat": call(alike(), AXIS),
    "stack": call(alike(), AXIS),
    "select.int": call(of(SHAPE), AXIS, AXIS),
    "slice.Tensor": call(of(SHAPE), AXIS, st.none() | AXIS, st.none() | AXIS, st.integers(1, 3)),
    "narrow": call(of(SHAPE), AXIS, AXIS, st.integers(0, 4)),
    "chunk": call(of(SHAPE), st.integers(1, 5), AXIS),
    "split.Tensor": call(of(SHAPE), st.integers(1, 5), AXIS),
    "split_with_sizes": call(of(SHAPE), st.lists(SMALL, min_size=1, max_size=3), AXIS),
    "unbind.int": call(of(SHAPE), AXIS),
    "pad": call(of(SHAPE), st.lists(st.integers(-2, 2), min_size=1, max_size=6)),
    "roll": call(of(SHAPE), st.just([1]), st.lists(AXIS, min_size=1, max_size=1)),
    "flip": call(of(SHAPE), st.lists(AXIS, min_size=1, max_size=2)),
    "repeat": call(of(SHAPE), st.lists(SMALL, max_size=5)),
    "pixel_shuffle": call(of(MAPS), st.integers(1, 2)),
    "where.self": call(of(SHAPE), of(SHAPE), of(SHAPE)),
}


def computed(name: str, arguments: list[Any]) -> Any:
    """The shapes that torch gives; None where it refuses, or gives nothing."""

    def made(value: Any) -> Any:
        if isinstance(value, Extent):
            return torch.zeros(value.shape)
        if isinstance(value, list):
            return [made(each) for each in value]
        return value

    given = made(arguments)
    if name == "where.self":
        given[0] = given[0] > 0
    try:
        result = function_of(name)(*given)
    except (RuntimeError, IndexError, ValueError):
        return None
    if isinstance(result, torch.Tensor):
        return tuple(result.shape) if result.numel() else None
    return [tuple(each.shape) for each in result] if all(each.numel() for each in result) else None


def by_arithmetic(name: str, arguments: list[Any]) -> Any:
    """Likewise, of a row; `unknown` where it leaves that to torch."""
    shape: Callable[[Call], Any] | None = ROWS[name].shape
    assert shape is not None
    try:
        found = shape(Call("a", name, print, arguments))
    except (ValueError, IndexError):
        return None
    if found is None:
        return "unknown"
    several = found if isinstance(found, list) else [found]
    return found if all(size > 0 for each in several for size in each) else None


@pytest.mark.parametrize("name", DRAWN)
@given(st.data())
def test_any_arguments(name: str, data: st.DataObject) -> None:
    arguments = data.draw(DRAWN[name])
    expected = computed(name, arguments)
    found = by_arithmetic(name, arguments)
    if found == "unknown":
        assert name in ("matmul", "scaled_dot_product_attention")
    else:
        assert found == expected


@given(st.lists(SHAPE, min_size=1, max_size=3))
def test_broadcast(shapes: list[tuple[int, ...]]) -> None:
    try:
        expected = tuple(torch.broadcast_shapes(*shapes))
    except RuntimeError:
        with pytest.raises(ValueError, match="do not broadcast"):
            broadcast(*shapes)
        return
    assert broadcast(*shapes) == expected


def test_messages() -> None:
    for arguments, message in (
        ([[0, 1, -2], 2], r"axes \[0, 1, 0\] name one twice"),
        ([[2], 2], "it has 2 axes and no axis 2"),
    ):
        with pytest.raises(ValueError, match=message):
            axes(*arguments)
    for sizes in ([-1, -1], [5, -1], [4]):
        with pytest.raises(ValueError, match="its 12 numbers do not fit"):
            inferred(sizes, 12)
