from __future__ import annotations

import pytest
import torch

from legonet.outputs.average_precision import average_precisions

NONE = [0.0, 0, 0, 0, 0, -1]
GOALS = torch.tensor([
    [[0.0, 0, 10, 10, 0], [20, 20, 30, 30, 0]],
    [[0, 0, 10, 10, 0], [-1, -1, -1, -1, -1]],
])  # fmt: skip
FOUND = torch.tensor([
    [[0.0, 0, 10, 10, 0.9, 0], [0, 0, 10, 9, 0.8, 0], [50, 50, 60, 60, 0.6, 0]],
    [[1, 0, 10, 10, 0.7, 0], NONE, NONE],
])  # fmt: skip


def test_precision_at_101_recalls(capsys: pytest.CaptureFixture[str]) -> None:
    # By rank: right, wrong (the same object again), right, wrong; one of three objects is never found.
    # So precision is 1 at recalls up to 0.33, 2/3 up to 0.66, and 0 above.
    assert average_precisions(FOUND, GOALS, 2) == [pytest.approx((34 + 33 * 2 / 3) / 101), None]
    assert capsys.readouterr().out == ""


def test_labels_are_told_apart() -> None:
    goals = torch.cat([GOALS, GOALS.new_tensor([[40.0, 40, 60, 60, 1]]).expand(2, 1, 5)], 1)
    found = torch.cat([FOUND, FOUND.new_tensor([[40.0, 40, 60, 60, 0.3, 1]]).expand(2, 1, 6)], 1)
    first, second = average_precisions(found, goals, 2)
    assert first == pytest.approx((34 + 33 * 2 / 3) / 101)
    assert second == pytest.approx(1)


def test_large_boxes_and_many_of_them_count() -> None:
    goals = torch.tensor([[0.0, 0, 9e5, 9e5, 0]]).expand(150, 5)[None]
    shifted = goals[0, :, :4] + torch.arange(150.0)[:, None]
    goals = torch.cat([shifted, goals[0, :, 4:]], 1)[None]
    found = torch.cat([goals[..., :4], torch.full((1, 150, 1), 0.5), goals[..., 4:]], 2)
    assert average_precisions(found, goals, 1) == [pytest.approx(1)]


def test_without_boxes_or_objects() -> None:
    nothing = torch.tensor([[NONE], [NONE]])
    assert average_precisions(nothing, GOALS, 2) == [0, None]
    assert average_precisions(FOUND, torch.full((2, 1, 5), -1.0), 1) == [None]
    assert average_precisions(FOUND[:, :0], GOALS, 1) == [0]
