from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from benchmarks import timing


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still unless a test moves it."""
    now = [0.0]
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    return now


def test_the_best_time_is_of_the_fastest_run(clock: list[float]) -> None:
    takes = iter([9.0, 3.0, 2.0, 4.0])  # the first one warms up

    def run() -> None:
        clock[0] += next(takes)

    assert timing.best_time(run, 3) == 2.0


def test_things_take_turns(clock: list[float]) -> None:
    said = []

    def run(name: str, seconds: float) -> None:
        said.append(name)
        clock[0] += seconds

    times = timing.best_times([lambda: run("a", 1.0), lambda: run("b", 2.0)], 3, turn=2)
    assert times == [1.0, 2.0]
    assert "".join(said) == "ab" + "aabb" + "ab"


def test_a_rate_is_operations_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "best_time", lambda run, repeats: 0.5 if run().shape == (8, 8) else 0.0)
    assert timing.matmul_rate(torch.float32, size=8) == 2 * 8**3 / 0.5
