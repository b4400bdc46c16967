"""Operations as torch's own counter has them, without what that imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from legonet.ir.flops import FlopCounter

MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "convolution": (lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2), (4, 9, 7)),
    "groups": (lambda: nn.Conv2d(4, 8, (3, 1), groups=2, bias=False), (4, 9, 7)),
    "same padding": (lambda: nn.Conv2d(4, 6, (3, 5), padding="same"), (4, 9, 7)),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1), (4, 5, 5)),
    "tokens": (lambda: nn.Linear(5, 3), (7, 5)),
    "no multiplication": (lambda: nn.Sequential(nn.ReLU(), nn.Flatten()), (4, 5, 5)),
    "recurrent": (lambda: nn.RNNCell(8, 4), (8,)),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("name", MODELS)
def test_as_torch_counts(name: str, device: str) -> None:
    make, shape = MODELS[name]
    model, features = make().eval().to(device), torch.zeros((2, *shape), device=device)
    for context in (torch.no_grad(), torch.enable_grad()):
        with context, FlopCounterMode(display=False) as expected:
            model(features)
        with context, FlopCounter() as found:
            model(features)
        assert found.total == expected.get_total_flops()


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_attention_by_itself(device: str) -> None:
    """Which torch's counter leaves out on a CPU."""
    query, key = (torch.zeros(2, 3, tokens, 8, device=device) for tokens in (5, 7))
    with FlopCounter() as found:
        nn.functional.scaled_dot_product_attention(query, key, key)
    assert found.total == 2 * 2 * 3 * 5 * 7 * (8 + 8)


def test_torchs_compiler_is_left_alone() -> None:
    script = """
import sys, torch
from legonet.ir.flops import FlopCounter
with FlopCounter() as found:
    torch.nn.Conv2d(3, 4, 3)(torch.zeros(1, 3, 8, 8))
assert found.total == 2 * 36 * 108
assert not {"torch._dynamo", "torch._inductor"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
