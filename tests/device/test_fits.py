"""Adapters that are fitted on a device: every method, and what goes on from where it was cut short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

import legonet
from legonet.distill import checkpoint
from legonet.run.finetune import Tuning
from legonet.run.options import Options
from tests.conftest import SHAPE
from tests.device.conftest import PRETEND, expect_close

if TYPE_CHECKING:
    from torch import nn

    from legonet.network import Network

pytestmark = pytest.mark.gpu

Make = Callable[..., "nn.Sequential"]
METHODS: dict[str, dict[str, Any]] = {
    "auto": {"name": "auto", "steps": 4, "imagined": 32},
    "back-distillation": {"name": "back-distillation", "steps": 4, "batch": 2},
    "closed-form": {"name": "closed-form", "draws": 8, "matching": 4},
    "distillation": {"name": "distillation", "steps": 4},
    "inversion": {"name": "inversion", "steps": 4, "images": 8},
    "jacobian": {"name": "jacobian", "steps": 4},
    "ordinary": {"name": "ordinary", "steps": 4},
}
DOG, LABELS = "dog:classify", torch.arange(12) % 2


def pair(make: Make, images: Tensor, method: dict[str, Any]) -> Network:
    """Two categories, one of which needs an adapter; its teacher has statistics."""
    network = legonet.Network("zoo", SHAPE, mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])
    network.add_task("classify", {"kind": "binary"}, {"kernel": 3, "method": method})
    for seed, name in enumerate(("cat", "dog")):
        model = make(seed)
        network.add_teacher(
            f"{name}-v1", model, category=name, task="classify", cut="pool1", images=images
        )
    return network


def expect_alike(there: Network, here: Network, images: Tensor, path: str = DOG) -> None:
    """The adapters do the same; on the stand-in they are the same, byte for byte."""
    if PRETEND:
        assert there.lock == here.lock
    expect_close({path: there.compile(path)(images)}, {path: here.compile(path)(images)}, "cpu")


@pytest.mark.parametrize("given", ["nothing", "images", "labels"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method(make_model: Make, images: Tensor, device: str, method: str, given: str) -> None:
    lacks = {"ordinary": ("nothing", "images"), "distillation": ("nothing",), "jacobian": ("nothing",)}
    if given in lacks.get(method, ()):
        pytest.skip("it needs more")
    there, here = (pair(make_model, images, METHODS[method]) for _ in range(2))
    labels = LABELS if given == "labels" else None
    there.transplant(None if given == "nothing" else {DOG: (images.to(device), labels)}, device=device)
    here.transplant(None if given == "nothing" else {DOG: (images, labels)})
    expect_alike(there, here, images)
