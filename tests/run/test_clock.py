"""How long a job still takes, by a clock that tests turn."""

from __future__ import annotations

import pytest

from legonet.run.clock import Clock


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock shows."""
    now = [100.0]
    monkeypatch.setattr("legonet.run.clock.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("expected", [70.0, 100.0, 150.0])  # of a job that takes 100 seconds
@pytest.mark.parametrize("before", [2.0, 12.0, 45.0])  # seconds of these before its first step
def test_right_within_a_factor_of_two_after_a_tenth(
    hands: list[float], expected: float, before: float
) -> None:
    clock, steps = Clock(), 300
    times = [(before + (98.0 - before) * step / steps, step) for step in range(1, steps + 1)]
    for second in range(1, 100):
        while times and times[0][0] <= second:
            hands[0] = 100.0 + times[0][0]
            clock.step(times.pop(0)[1], steps)
        hands[0], left = 100.0 + second, clock.left(expected)
        assert left is not None
        if 10 <= second <= 95 and (second < before or len(times) < steps - 1):
            assert 0.5 <= left / (100 - second) <= 2.0, (second, left)


def test_what_comes_before_the_steps_is_not_their_pace(hands: list[float]) -> None:
    clock = Clock()
    assert clock.left(0.0) is None
    assert clock.left(40.0) == 40.0
    hands[0] += 10
    assert clock.left(40.0) == 30.0
    clock.step(1, 100)
    hands[0] += 10
    clock.step(11, 100)
    assert clock.left(40.0) == 89.0
    assert clock.left(0.0) == 89.0


def test_one_that_is_late_never_promises_to_be_done(hands: list[float]) -> None:
    clock = Clock()
    hands[0] += 1000
    assert clock.left(40.0) == pytest.approx(1000.0)


def test_another_descent_begins_anew(hands: list[float]) -> None:
    clock = Clock()
    for step in (1, 2, 1):
        clock.step(step, 2)
        hands[0] += 10
    clock.step(2, 2)
    assert clock.left(50.0) == 0.0
    clock.step(1, 5)
    hands[0] += 3
    clock.step(2, 5)
    assert clock.left(50.0) == 9.0


@pytest.mark.parametrize("expected", [0.0, 50.0, 100.0, 200.0])  # of a job that takes 100 seconds
def test_a_start_that_takes_most_is_followed_by_its_share(hands: list[float], expected: float) -> None:
    clock = Clock()
    for second in range(100):
        hands[0] = 100.0 + second
        clock.reach(second / 100)
        if second >= 10:
            left = clock.left(expected)
            assert left is not None
            assert 0.5 <= left / (100 - second) <= 2.0, (second, left)


def test_what_comes_after_a_descent_is_part_of_what_is_left(hands: list[float]) -> None:
    clock = Clock()
    for step in range(1, 51):
        hands[0] += 1
        clock.step(step, 50, 0.2 + 0.4 * step / 50)  # the job's parts: 20 s before, 50 s of steps, 50 s after
    assert clock.left(120.0) == pytest.approx(50.0)
    clock.reach(0.6)
    for step in range(1, 11):
        hands[0] += 1
        clock.step(step, 50, 0.2 + 0.8 * step / 50)  # another try of the same, of which more may follow
    assert clock.left(120.0) == pytest.approx(40.0)


def test_parts_that_do_not_grow_say_nothing(hands: list[float]) -> None:
    clock = Clock()
    for step in (1, 11):
        clock.step(step, 100, 0.5)
        hands[0] += 10
    assert clock.left(0.0) == 89.0
