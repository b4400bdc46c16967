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
    sure = torch.tensor(abs(score)).sigmoid().item()
    assert found.probability == pytest.approx(sure)
    assert str(found) == found.text() == f"{label}  {sure:.1%}"
    assert found.data() == {"label": label, "probability": round(sure, 4), "score": score}
    assert f"width:{100 * sure:.0f}%" in found.html()


def test_a_score_of_any_size_has_a_probability() -> None:
    assert [Score("cat", score).probability for score in (1e4, -1e4)] == [1, 1]


def test_labels_are_words_which_no_adapter_depends_on() -> None:
    assert KIND.key_text() == "binary"
