from __future__ import annotations

import math

import pytest
import torch

from legonet.outputs.multilabel import Labels, MultilabelOutput

KIND = MultilabelOutput(kind="multilabel", labels=("{category}", "grass", "sky"))


def test_measures() -> None:
    output = torch.tensor([[1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])
    labels = torch.tensor([[1, 0, 0], [0, 1, 0]])
    assert KIND.measures(output, labels) == {
        "error": pytest.approx(1 / 6),
        "all right": 0.5,
        "F1": pytest.approx((2 / 3 + 1) / 2),  # nobody speaks of the sky
    }


def test_nothing_found_in_nothing_shown_is_right() -> None:
    nothing = torch.zeros(2, 3)
    assert KIND.measures(nothing - 1, nothing.long()) == {"error": 0.0, "all right": 1.0, "F1": 1.0}


def test_labels_that_hold() -> None:
    found = KIND.read(torch.tensor([math.log(3.0), -1.0, 0.0]), "Cat")
    assert isinstance(found, Labels)
    assert found.labels == ("Cat",)
    assert found.probabilities["Cat"] == pytest.approx(0.75)
    assert found.text() == "Cat 75.0%"
    assert found.data()["labels"] == ["Cat"]
    assert found.data()["probabilities"] == {"Cat": 0.75, "grass": 0.2689, "sky": 0.5}
    assert KIND.read(-torch.ones(3), "Cat").text() == "no label"


def test_each_label_by_itself() -> None:
    """Softmax would not tell two outputs apart that differ by a constant."""
    teacher = torch.tensor([[1.0, 2.0, 3.0]])
    assert float(KIND.disagreement(teacher - 5, teacher, torch.ones(1, 3))) > 1


def test_words() -> None:
    assert KIND.words() == "3 labels"
    assert MultilabelOutput(kind="multilabel", labels=("sky",)).words() == "1 label"
    assert KIND.key_text() == "multilabel"
