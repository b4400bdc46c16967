from __future__ import annotations

import pytest
import torch

from legonet.outputs.results import Numbers
from legonet.outputs.vector import VectorOutput

KIND = VectorOutput(kind="vector", names=("x", "y"))


def test_root_mean_square() -> None:
    assert KIND.measures(torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 6.0]])) == {
        "RMSE": pytest.approx(12.5**0.5)
    }


def test_numbers_by_name() -> None:
    found = KIND.read(torch.tensor([0.5, -0.25]), "cat")
    assert found == Numbers({"x": 0.5, "y": -0.25})
    assert found.text() == "x +0.500  y -0.250"


@pytest.mark.parametrize(("names", "words"), [(("x",), "1 number"), (("x", "y"), "2 numbers")])
def test_words_say_how_many_numbers(names: tuple[str, ...], words: str) -> None:
    assert VectorOutput(kind="vector", names=names).words() == words


def test_names_are_words_which_no_adapter_depends_on() -> None:
    assert KIND.key_text() == "vector"
