"""What writes into a part of a tensor is seen by all that shows it, as in the model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.ir.interpreter import build_graph
from legonet.teachers.tracing.export import export

SHAPE = (4, 6, 6)


def slices(x: Tensor, w: Tensor) -> Tensor:
    y = x * 1
    before = y[:, 1:]
    y[:, 1:3] += 1
    y[:, :, 0].mul_(2)
    y[..., ::2].relu_()
    return y + before.sum(1, keepdim=True)


def weight_clone(x: Tensor, w: Tensor) -> Tensor:
    w = w.clone()
    w[1:3].zero_()
    return x + w.view(4, 1, 1)


def views_of_views(x: Tensor, w: Tensor) -> Tensor:
    y = x * 1
    tokens = y.flatten(2).transpose(1, 2)
    tokens[:, 3:9, 1] = 5.0
    tokens.unsqueeze(1).permute(0, 3, 2, 1)[:, 2].neg_()
    return y * tokens.mean((1, 2))[:, None, None, None]


def part_kept_before(x: Tensor, w: Tensor) -> Tensor:
    y = x * 1
    kept = y[:, 0].clone()
    first, second = y.split(2, 1)
    y.clamp_(min=0)
    return torch.cat([first, second * 2], 1) + kept.unsqueeze(1)


def copied(x: Tensor, w: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, 1:3] = x[:, :2]
    y[:, [0, 3]] = x[:, 2:]
    moved = y.transpose(1, 2).reshape(x.shape[0], -1)  # a copy, as nothing else has its order
    y.fill_(1.0)
    return y + moved.sum(1)[:, None, None, None]


def sizes(x: Tensor, w: Tensor) -> Tensor:
    mask = x.new_zeros(6, 6)
    for row in (slice(0, 2), slice(2, 6)):
        mask[row, 1:] = row.stop
    return x.relu_() + mask


def written_again(x: Tensor, w: Tensor) -> Tensor:
    for channel in range(2):
        x[:, channel].sub_(0.5).div_(0.2)
    part = x[:, 2:]
    part += 1
    inner = part[:, 1]
    inner.mul_(3)
    part.neg_()
    kept = part * 1
    part.relu_()
    return x + inner.unsqueeze(1) + kept.sum(1, keepdim=True)


class Model(nn.Module):
    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.arange(1.0, 5.0), requires_grad=False)
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images, self.w) * self.w.sum()


@pytest.mark.parametrize(
    "function",
    [slices, weight_clone, views_of_views, part_kept_before, copied, sizes, written_again],
    ids=lambda each: each.__name__,
)
def test_writes(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    model = Model(function).eval()
    found = export(model, SHAPE)
    built = build_graph(found.graph)
    built.load_state_dict({**model.state_dict(), **found.constants})
    for batch in (1, 3):
        images = torch.randn(batch, *SHAPE)
        assert torch.equal(built(images.clone()), model(images.clone()))


def into_a_part(x: Tensor, w: Tensor) -> Tensor:
    y = x * 1
    first, second = y.chunk(2, 1)
    first.zero_()
    return y + second.sum(1, keepdim=True)


def test_a_write_that_cannot_be_followed() -> None:
    here = re.escape(Path(__file__).name)
    with pytest.raises(TeacherError, match=rf"^m: writes into what 'getitem' shows .* at .*{here}"):
        export(Model(into_a_part), SHAPE, where="m")
