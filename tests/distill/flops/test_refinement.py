from __future__ import annotations

import pytest

from legonet.distill.flops.refinement import BATCH, besides, share_of_drawn, share_of_given

SHAPE = (4, 8, 8)


def test_however_many_are_given_one_of_a_batch_is_imagined() -> None:
    assert [share_of_given(count) for count in (0, 1, 10, 50, 5000)] == [0, 1, 5, 16, BATCH - 1]
    assert share_of_given(10, imagined=False) == BATCH
    assert share_of_given(0, imagined=False) == 0


def test_no_more_is_drawn_than_twice_what_steps_take() -> None:
    assert share_of_drawn(0) == 8
    assert besides(1000, SHAPE, steps=60) == 2 * 60 * 8
    assert besides(1000, SHAPE, steps=10**6) == 3 * 1000
    assert besides(1000, SHAPE, steps=60, images=50) == 2 * 60 * 4
    assert besides(1000, SHAPE, steps=60, images=5000) == 0


def test_no_more_is_drawn_than_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.distill.flops.synthesis.MEMORY", 4 * 70 * 4 * 8 * 8)
    assert besides(60, SHAPE, steps=300) == 10
    assert besides(80, SHAPE, steps=300) == 0
