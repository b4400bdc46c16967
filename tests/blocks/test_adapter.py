from __future__ import annotations

import pytest
import torch

from legonet.blocks.adapter import build_adapter, convolutions
from legonet.errors import BlockError
from legonet.graph.schema import Adapter
from legonet.ir.modules import load_module, write_module

POOL, UPSAMPLE = "adaptive_avg_pool2d", "upsample_bilinear2d.vec"
SHAPES = [
    ((3, 8, 8), (5, 8, 8), []),
    ((3, 8, 8), (6, 4, 4), [POOL]),
    ((3, 8, 8), (2, 16, 16), [UPSAMPLE]),
    ((3, 8, 8), (2, 5, 7), [POOL]),
    ((3, 4, 16), (6, 8, 8), [POOL, UPSAMPLE]),
]


@pytest.mark.parametrize(("source", "target", "resampling"), SHAPES)
@pytest.mark.parametrize("depth", [1, 3])
def test_any_two_feature_maps_are_joined(
    source: tuple[int, ...], target: tuple[int, ...], resampling: list[str], depth: int
) -> None:
    adapter = build_adapter(Adapter(kernel=3, depth=depth, hidden=7), source, target)
    assert adapter(torch.rand(2, *source)).shape == (2, *target)
    functions = [step.function for step in adapter.graph.steps.values()]
    assert [function for function in functions if function in (POOL, UPSAMPLE)] == resampling
    assert len(convolutions(adapter)) == depth


@pytest.mark.parametrize(("source", "target", "resampling"), SHAPES)
def test_adapters_between_sizes_are_kept_as_chains(
    source: tuple[int, ...], target: tuple[int, ...], resampling: list[str]
) -> None:
    adapter = build_adapter(Adapter(kernel=1, depth=2), source, target)
    loaded = load_module(write_module("adapter", adapter))
    x = torch.rand(2, *source)
    assert torch.equal(loaded(x), adapter(x))


def test_resampling_a_constant_map_gives_the_constant() -> None:
    adapter = build_adapter(Adapter(kernel=1, activation="none", rescale=False), (1, 9, 4), (1, 6, 11))
    conv = convolutions(adapter)[0]
    with torch.no_grad():
        conv.weight.fill_(1)
        conv.bias.zero_()  # type: ignore[union-attr]
    expected = torch.full((1, 1, 6, 11), 2.5)
    torch.testing.assert_close(adapter(torch.full((1, 1, 9, 4), 2.5)), expected)


def test_vectors_are_refused() -> None:
    message = r"cat:pose: .* features of shape \(8,\), the task module takes \(3, 4, 4\);"
    with pytest.raises(BlockError, match=message):
        build_adapter(Adapter(), (8,), (3, 4, 4), "cat:pose")
