"""Which places are recommended to cut at."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.ir.interpreter import result_shapes
from legonet.teachers.cut_points import at_fraction, list_cut_points
from legonet.teachers.tracing.trace import trace


class Tokens(nn.Module):
    """Patches by a convolution, the only map, then residual blocks of linear layers on tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 2, 2)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 24), nn.GELU(), nn.Linear(24, 4)) for _ in range(8)
        )
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens = tokens + block(tokens)
        return self.head(tokens.mean(1))


def test_tokens_are_recommended_and_found_by_a_fraction() -> None:
    torch.manual_seed(0)
    model = trace(Tokens().eval(), (3, 8, 8)).graph
    cuts = list_cut_points(model, (3, 8, 8))
    shares = [cut.operations[0] / sum(cut.operations) for cut in cuts if cut.recommended]
    assert [cut.shape for cut in cuts if cut.recommended] == [(16, 4)] * 3
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.13)
    place, note = at_fraction(model, (3, 8, 8), 0.5, "model")
    assert note == ""
    assert next(cut for cut in cuts if cut.name == place).recommended


class Called(nn.Module):
    """A residual block as torchvision's: one ReLU, called twice, ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.second(self.relu(self.first(x))))


def test_a_block_that_ends_with_a_part_called_before_is_recommended() -> None:
    blocks = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), *(Called() for _ in range(4)))
    model = nn.Sequential(blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    cuts = list_cut_points(trace(model.eval(), (3, 8, 8)).graph, (3, 8, 8))
    assert [cut.module for cut in cuts if cut.recommended] == ["0.2", "0.3", "0.4"]


class Lopsided(nn.Module):
    """A pooling before the first weights, and nearly all of the work in one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.heavy, self.light = (
            nn.AvgPool2d(2),
            nn.Conv2d(3, 64, 7, padding=3),
            nn.Conv2d(64, 1, 1),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.light(self.heavy(self.pool(images)))


def test_a_fraction_says_what_it_reached() -> None:
    model = trace(Lopsided().eval(), (3, 8, 8)).graph
    for fraction in (0.02, 0.5):  # near no work at all lies the pooling, which has no weights
        place, note = at_fraction(model, (3, 8, 8), fraction, "model")
        assert place == "heavy"
        assert note == (
            "it is cut at heavy, with 99% of the multiplications below it: no place is nearer to "
            f"{fraction:.0%}"
        )
    bare = trace(nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48, 1)).eval(), (3, 8, 8)).graph
    with pytest.raises(
        TeacherError, match=r"found no place for the cut 0\.5 that has weights below and above it; .*: 0, 1"
    ):
        at_fraction(bare, (3, 8, 8), 0.5, "model")


class Laid(nn.Module):
    """Its weights are channels last, and so are its maps, of which a view takes the pixels one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4 * 16, 2)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        maps = self.body(self.stem(images).relu())
        return self.head(maps.permute(0, 2, 3, 1).view(maps.shape[0], -1))


def test_an_order_of_memory_is_no_matter_of_costs() -> None:
    graph = trace(Laid().eval(), (3, 8, 8)).graph
    assert "view" in {step.function for step in graph.steps.values()}
    cuts = list_cut_points(graph, (3, 8, 8))
    assert sum(cuts[0].operations) == 36 * 27 * 4 + 16 * 36 * 4 + 64 * 2
    assert result_shapes(graph, (3, 8, 8), "model")[graph.output] == (2,)
