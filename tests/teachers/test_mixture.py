from __future__ import annotations

import pytest
import torch

from legonet.teachers.mixture import mixture


def noise(count: int = 2000) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps whose channels agree by a known correlation, and that."""
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(3, 3, generator=generator)
    maps = torch.einsum("cd,ndhw->nchw", factor, torch.randn(count, 3, 4, 4, generator=generator))
    covariance = factor @ factor.T
    deviation = covariance.diag().sqrt()
    return maps, covariance / deviation / deviation[:, None]


def test_what_factors_leave_is_mixed_noise() -> None:
    maps, correlation = noise()
    found = mixture(maps, 1, 0, None, True)
    (mixing,) = found["mixing"]
    torch.testing.assert_close(mixing @ mixing.T, correlation, rtol=0, atol=0.03)
    torch.testing.assert_close(found["rest"][0], maps.var((0, 2, 3)), rtol=0.01, atol=0)
    assert found["smoothness"].max() < 0.05


def test_it_is_left_out_where_nobody_wants_it() -> None:
    assert mixture(noise(100)[0], 1, 0, None, False)["mixing"] == []


def test_each_map_of_a_row_has_its_own() -> None:
    maps, correlation = noise()
    row = torch.cat([maps.flatten(1), torch.randn(len(maps), 8)], 1)
    first, second = mixture(row, 1, 0, ((3, 4, 4), (2, 2, 2)), True)["mixing"]
    torch.testing.assert_close(first @ first.T, correlation, rtol=0, atol=0.03)
    torch.testing.assert_close(second @ second.T, torch.eye(2), rtol=0, atol=0.05)


@pytest.mark.parametrize("rank", [4, 20])
def test_factors_and_rest_make_the_whole_variance(rank: int) -> None:
    """Whatever the factors do not tell is in the rest."""
    maps, _ = noise(200)
    found = mixture(maps, 1, rank, None, True)
    told = found["factors"].square().sum(0).mean((1, 2)) + found["rest"][0]
    torch.testing.assert_close(told, (maps - maps.mean(0)).square().mean((0, 2, 3)), rtol=1e-3, atol=0)
    assert len(found["factors"]) == rank
