"""Models as libraries make them, where these are installed: the extra `dev` has none of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import legonet
from tests.conftest import SHAPE

LABELS = ["left", "right", "up"]


def native(model: nn.Module, cut: str, output: str | None, images: Tensor) -> Tensor:
    """What a network of one teacher gives."""
    network = legonet.Network("libraries", SHAPE)
    network.add_task("side", {"kind": "classes", "labels": LABELS})
    network.add_teacher("cat-v1", model, category="cat", task="side", cut=cut, output=output)
    return network.compile("cat:side", passes="none", memory_format="contiguous")(images)


def test_one_of_what_transformers_gives_is_chosen_by_name(images: Tensor) -> None:
    transformers: Any = pytest.importorskip("transformers")
    shape = {"image_size": SHAPE[1], "patch_size": 4, "num_labels": len(LABELS)}
    size = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**shape, **size)).eval()
    with torch.no_grad():
        wanted = model(images).logits
    assert torch.equal(native(model, "vit.layers.0", "logits", images), wanted)


def test_a_lightning_module_takes_anything(images: Tensor) -> None:
    lightning: Any = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(len(LABELS)))

        def forward(self, *args: Any, **kwargs: Any) -> Tensor:
            return self.net(*args, **kwargs)

    model = Module().eval()
    with torch.no_grad():
        wanted = model(images)
    assert torch.equal(native(model, "net.1", None, images), wanted)
