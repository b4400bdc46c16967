from __future__ import annotations

import pytest

from legonet.distill.flops.refinement import BUDGET, LEAST
from legonet.distill.flops.stitching import BATCH, affordable_steps, joined_images, refined_steps


def test_joined_images_are_bounded_by_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legonet.distill.flops.synthesis.MEMORY", 4 * 1000 * 300)  # 300 of 1,000 numbers
    assert joined_images(6144, (5, 10, 10), (5, 10, 10)) == 256
    assert joined_images(128, (5, 10, 10), (5, 10, 10)) == 128
    assert joined_images(6144, (500, 100, 100), (5, 10, 10)) == BATCH


def test_the_larger_the_modules_the_fewer_the_steps() -> None:
    assert affordable_steps(10**6, 1500) == 1500
    assert affordable_steps(BUDGET // (BATCH * 400), 1500) == 400
    assert affordable_steps(10**15, 1500) == LEAST
    assert affordable_steps(10**15, 20) == 20
    assert affordable_steps(0, 1500) == 1500
    assert [refined_steps(each) for each in (1500, 2, 1)] == [600, 1, 1]
