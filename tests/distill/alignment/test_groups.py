"""Units change places, and the model computes the same: random graphs, and what may not change."""

from __future__ import annotations

import pytest
import torch

from legonet.distill.alignment import Symmetry
from legonet.ir.observe import observed
from tests.distill.alignment.random_graphs import SHAPE, random_graph


@pytest.mark.parametrize("seed", range(60))
def test_a_reordered_graph_computes_the_same(seed: int) -> None:
    module = random_graph(seed)
    generator = torch.Generator().manual_seed(seed)
    symmetry = Symmetry(module, SHAPE)
    x = torch.randn(3, *SHAPE, generator=generator, dtype=torch.float64)
    before = []
    wanted = observed(module, x, before.append)
    permuted = symmetry.permuted(symmetry.random(generator))
    after = []
    found = observed(permuted.module, x, after.append)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    for mine, theirs in zip(after, permuted.reordered(before), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)
