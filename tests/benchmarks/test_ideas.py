from __future__ import annotations

import pytest
import torch

from benchmarks import ideas
from benchmarks.agreement import Judged

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("draw", [ideas.problem, ideas.closed_form, ideas.choice, ideas.cost])
def test_a_picture_is_the_same_each_time(draw) -> None:
    picture = draw()
    assert picture == draw()
    assert b"<svg" in picture
    assert picture.rstrip().endswith(b"</svg>")


def test_values_and_images_are_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.rand(200, generator=generator) for name in ("real", "as they are", "recoloured")}
    picture = ideas.sources(values, {"leaves": torch.rand(3, 8, 8, generator=generator)})
    assert b"image/png" in picture


def test_intervals_are_drawn() -> None:
    rows = [Judged("a", (0.9, 0.8, 0.95), 0.9, 0.85, 100), Judged("b", (0.9, 0.88, 0.95), 0.9, 0.8, 100)]
    assert ideas.estimate(rows).startswith(b"<?xml")
