from __future__ import annotations

import pytest
import torch

from legonet.outputs.binary import BinaryOutput
from legonet.outputs.results import Score

KIND = BinaryOutput(kind="binary", labels=("no {category}", "{category}"))


def test_error_of_scores() -> None:
    output = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]])
    assert KIND.measures(output, torch.tensor([1, 0, 0, 1])) == {"error": 0.5}


@pytest.mark.parametrize(("score", "label"), [(1.5, "Cat"), (0.0, "no Cat"), (-2.0, "no Cat")])
def test_the_sign_chooses_the_label(score: float, label: str) -> None:
    found = KIND.read(torch.tensor([score]), "Cat")
    assert found == Score(label, score)
    assert found.text() == f"{label}  {score:+.3f}"
    assert found.data() == {"label": label, "score": score}


def test_labels_are_words_which_no_adapter_depends_on() -> None:
    assert KIND.key_text() == "binary"
