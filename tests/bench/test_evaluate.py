from __future__ import annotations

import pytest
import torch

from legonet.bench.evaluate import measures


def test_error_of_scores() -> None:
    output = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]])
    assert measures(output, torch.tensor([1, 0, 0, 1])) == {"error": 0.5}


def test_pixel_accuracy_and_iou_of_masks() -> None:
    output = torch.tensor([[[[1.0, 1.0], [-1.0, -1.0]]]])
    found = measures(output, torch.tensor([[[1, 0], [0, 0]]]))
    assert found == {"pixel accuracy": pytest.approx(0.75), "IoU": pytest.approx(0.5)}
    two = torch.cat([-output, output], 1)
    assert measures(two, torch.tensor([[[1, 0], [0, 0]]])) == found


def test_iou_of_nothing_found_in_nothing_shown_is_zero() -> None:
    assert measures(torch.full((1, 1, 2, 2), -1.0), torch.zeros(1, 2, 2).long())["IoU"] == 0
