from __future__ import annotations

import time

import torch
from torch import nn

from legonet.bench.operations import best_time, closed_form_operations, matmul_rate, pullback_operations
from legonet.distill.pullback import Pullback


def test_a_pullback_has_the_operations_of_its_products() -> None:
    chain = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 4, 5)
    )
    # 4x4 positions, each 4 outputs of 2 x 3 x 3 products; 64 x 5 products
    assert pullback_operations(Pullback(chain, (2, 8, 8))) == 2 * (16 * 4 * 18 + 64 * 5)
    grouped = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4))
    assert pullback_operations(Pullback(grouped, (4, 5, 5))) == 2 * 25 * 4 * 9
    up = nn.Sequential(nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1))
    assert pullback_operations(Pullback(up, (3, 5, 5))) == 2 * 25 * 3 * 2 * 16


def test_the_closed_form_grows_with_draws_and_channels() -> None:
    def count(channels: int, draws: int) -> int:
        chain = nn.Sequential(nn.Conv2d(channels, 2 * channels, 3, padding=1))
        pull = Pullback(chain, (channels, 8, 8))
        return closed_form_operations(pull, pull, 3, draws)

    solving = 36**3 // 3 + 2 * 36**2 * 4
    assert count(4, 20) - solving == 2 * (count(4, 10) - solving)
    assert 3.9 < count(64, 100) / count(32, 100) < 4.1


def test_rates_and_times_are_of_what_was_run() -> None:
    assert 1e8 < matmul_rate(torch.float32, size=64, repeats=3) < 1e14
    assert 0.01 <= best_time(lambda: time.sleep(0.01), 2) < 0.2
