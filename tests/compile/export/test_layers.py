"""Operations with weights of their own are the layers of torch.nn that compute them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from legonet.compile.export.constructors import written
from legonet.compile.export.layers import layer_of
from legonet.compile.export.shapes import result_shapes
from legonet.ir.graph import Operation
from legonet.ir.modules import with_tensors
from legonet.teachers.tracing.export import export

IMAGES = (4, 8, 8)
TOKENS = (6, 4)


class _Two(nn.Module):
    """A module and an operation more, so that it is no layer itself."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layer(features) + 0.5


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (nn.Conv2d(4, 6, 3), IMAGES, "nn.Conv2d(4, 6, 3)"),
        (nn.Conv2d(4, 8, (3, 1), 2, (1, 0), 2, 2, False), IMAGES, None),
        (nn.Conv2d(4, 4, 3, padding="same"), IMAGES, 'nn.Conv2d(4, 4, 3, padding="same")'),
        (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, dilation=2), IMAGES, None),
        (nn.Conv1d(6, 4, 3, padding=1), TOKENS, "nn.Conv1d(6, 4, 3, padding=1)"),
        (nn.Linear(4, 3, bias=False), TOKENS, "nn.Linear(4, 3, bias=False)"),
        (nn.Linear(4, 3, dtype=torch.float64), None, "nn.Linear(4, 3, dtype=torch.float64)"),
        (nn.BatchNorm2d(4, eps=1e-3), IMAGES, "nn.BatchNorm2d(4, eps=0.001)"),
        (nn.BatchNorm1d(6, affine=False), TOKENS, "nn.BatchNorm1d(6, affine=False)"),
        (nn.LayerNorm(4), TOKENS, "nn.LayerNorm(4)"),
        (nn.LayerNorm([6, 4], bias=False), TOKENS, "nn.LayerNorm((6, 4), bias=False)"),
        (nn.LayerNorm(4, elementwise_affine=False), TOKENS, "nn.LayerNorm(4, elementwise_affine=False)"),
        (nn.GroupNorm(2, 4, 1e-3), IMAGES, "nn.GroupNorm(2, 4, eps=0.001)"),
        (nn.GroupNorm(2, 4, affine=False), IMAGES, "nn.GroupNorm(2, 4, affine=False)"),
        (nn.ReLU(), IMAGES, "nn.ReLU()"),
        (nn.ReLU6(), IMAGES, "nn.ReLU6()"),
        (nn.Hardtanh(-1, 2), IMAGES, "nn.Hardtanh(max_val=2)"),
        (nn.ELU(0.5), IMAGES, "nn.ELU(alpha=0.5)"),
        (nn.LeakyReLU(0.2), IMAGES, "nn.LeakyReLU(negative_slope=0.2)"),
        (nn.Softplus(2), IMAGES, "nn.Softplus(beta=2)"),
        (nn.GELU("tanh"), IMAGES, 'nn.GELU(approximate="tanh")'),
        (nn.Softmax(-1), TOKENS, "nn.Softmax(dim=-1)"),
        (nn.Softmax(1), TOKENS, "nn.Softmax(dim=1)"),
        (nn.MaxPool2d(2), IMAGES, "nn.MaxPool2d(2)"),
        (
            nn.MaxPool2d(3, 2, 1, 1, ceil_mode=True),
            IMAGES,
            "nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)",
        ),
        (nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGES, None),
        (nn.AdaptiveAvgPool2d((2, 4)), IMAGES, "nn.AdaptiveAvgPool2d((2, 4))"),
        (nn.Flatten(), IMAGES, "nn.Flatten()"),
        (nn.Flatten(0, 1), IMAGES, "nn.Flatten(start_dim=0, end_dim=1)"),
        (nn.Flatten(2), IMAGES, "nn.Flatten(start_dim=2)"),
        (nn.Upsample((5, 7), mode="bilinear"), IMAGES, None),
        (nn.Upsample(scale_factor=2), IMAGES, "nn.Upsample(scale_factor=2)"),
        (nn.PixelShuffle(2), IMAGES, "nn.PixelShuffle(2)"),
    ],
)
def test_a_layer_is_found_again(layer: nn.Module, shape: tuple[int, ...] | None, text: str | None) -> None:
    dtype = torch.float32 if shape else torch.float64
    model = _Two(layer.eval()).requires_grad_(False)
    if dtype == torch.float64:
        step = Operation(
            "layer", "linear", ({"ref": "input"}, {"tensor": "layer.weight"}, {"tensor": "layer.bias"}), {}
        )
        found = layer_of(step, model.state_dict(), {"input": (9, 4)})
        assert found is not None
        assert "".join(written(found.make)) == text
        return
    assert shape is not None
    taken = export(model, shape)
    step = next(iter(taken.operations.steps.values()))
    found = layer_of(step, model.state_dict(), result_shapes(taken.operations, shape))
    assert found is not None
    (line,) = written(found.make)
    assert text in (None, line)
    made = eval_layer(line).eval()
    made.load_state_dict({name: model.state_dict()[tensor] for name, tensor in found.tensors.items()})
    images = torch.rand(3, *shape)
    with torch.no_grad():
        assert torch.equal(made(images), layer(images))
        module = with_tensors(taken.operations, model.state_dict())
        assert torch.equal(made(images) + 0.5, module(images))


def eval_layer(line: str) -> nn.Module:
    """The layer that a line makes; tests alone run text."""
    return eval(line, {"nn": nn, "torch": torch})  # noqa: S307 - written above


X: Any = {"ref": "input"}


@pytest.mark.parametrize(
    "step",
    [
        Operation("a", "linear", (X, {"ref": "other"}), {}),
        Operation("a", "linear", (X, {"tensor": "a.weight"}, {"tensor": "b.bias"}), {}),
        Operation("a", "conv2d", (X, {"tensor": "a.filters"}, {"tensor": "a.half"}), {}),
        Operation("a", "matmul", (X, X), {}),
        Operation("a", "softmax.int", (X, 1, {"dtype": "float64"}), {}),
    ],
)
def test_what_is_no_layer(step: Operation) -> None:
    state = {
        "a.weight": torch.rand(3, 4),
        "b.bias": torch.rand(3),
        "a.filters": torch.rand(3, 4, 1, 1),
        "a.half": torch.rand(3).half(),
    }
    assert layer_of(step, state, {"input": (9, 4, 8, 8), "other": (3, 4)}) is None
