from __future__ import annotations

import time

import torch

from benchmarks.timing import best_time, matmul_rate


def test_rates_and_times_are_of_what_was_run() -> None:
    assert 1e8 < matmul_rate(torch.float32, size=64, repeats=3) < 1e14
    assert 0.01 <= best_time(lambda: time.sleep(0.01), 2) < 0.2
