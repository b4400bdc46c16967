"""Models that branch, from the first line of code on: added, transplanted, saved, compiled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

import legonet
from legonet.errors import TeacherError
from legonet.network import Network
from legonet.teachers.validate import problems_of

PLAIN: Any = {"passes": "none", "memory_format": "contiguous"}  # bit for bit what the models compute
SHAPE = (3, 16, 16)


def resnet(seed: int) -> ResNet:
    torch.manual_seed(seed)
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=1)
    # As trained ones, batch norms have statistics that are not all 0 and 1.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
            module.running_var.uniform_(0.5, 2)
    return model


class Small(nn.Module):
    """A residual network that is quick to fit."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.SiLU()
        self.upper = nn.Conv2d(4, 144, 3, 2, 1)
        self.last = nn.Conv2d(144, 144, 1)
        self.head = nn.Linear(144, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.act(self.stem(images))
        x = self.act(x + self.block(x))
        y = self.act(self.upper(x))
        y = torch.relu(y + self.last(y))
        return self.head(y.mean((2, 3)))


def farm(images: Tensor | None = None, make: Callable[[int], nn.Module] = Small, **adapter: Any) -> Network:
    network = legonet.Network("farm", SHAPE)
    for seed, name in enumerate(("cat", "dog")):
        network.add_teacher(
            name,
            make(seed),
            category=name,
            task="classify",
            cut="act_2" if make is Small else "layer2",
            images=images,
        )
    network.connect("dog", "classify", {"kernel": 1, **adapter})
    return network


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "method",
    [
        "auto",
        "closed-form",
        {"name": "back-distillation", "steps": 30},
        {"name": "inversion", "images": 8, "steps": 5},
    ],
    ids=lambda method: method if isinstance(method, str) else method["name"],
)
def test_every_method_that_needs_no_image(method: Any, tmp_path: Path) -> None:
    images = torch.rand(40, *SHAPE, generator=torch.Generator().manual_seed(0))
    network = farm(images[:32], method=method)
    (result,) = network.transplant().results
    assert all(value >= 0 for value in result.quality.values())
    found = network.compile("cat:classify", "dog:classify", **PLAIN)(images)
    with torch.no_grad():
        assert torch.equal(found["cat:classify"], Small(0).eval()(images))
    assert bool(torch.isfinite(found["dog:classify"]).all())
    path = network.save(tmp_path / "graphs" / "farm.yaml")
    opened = legonet.load(path)
    assert not opened.plan().changes
    assert torch.equal(opened.compile("dog:classify", **PLAIN)(images), found["dog:classify"])
    assert problems_of(path) == ""


@pytest.mark.parametrize(
    ("method", "most"),
    [
        ({"name": "closed-form", "matching": 0}, 1e-3),
        ({"name": "back-distillation", "steps": 300, "learning_rate": 3e-2}, 0.3),
    ],
    ids=["closed-form", "back-distillation"],
)
def test_reordered_channels_are_found(method: Any, most: float) -> None:
    """g_T is g_S with its input's channels in another order: one 1x1 convolution is all that is missing."""
    network, order = legonet.Network("farm", SHAPE), torch.tensor([2, 0, 3, 1])
    for name in ("cat", "dog"):
        model = Small(0)
        if name == "dog":
            with torch.no_grad():
                model.upper.weight.copy_(model.upper.weight[:, order].clone())
        network.add_teacher(name, model, category=name, task="classify", cut="act_2")
    network.connect("dog", "classify", {"kernel": 1, "activation": "none", "method": method})
    (result,) = network.transplant().results
    assert result.quality["residual"] < most


def test_a_resnet_by_the_names_of_its_modules(tmp_path: Path) -> None:
    model, images = resnet(0), torch.rand(3, *SHAPE)
    network = legonet.Network("farm", SHAPE)
    network.add_teacher("cat", model, category="cat", task="classify", cut="layer2")
    with torch.no_grad():
        assert torch.equal(network.compile("cat:classify", **PLAIN)(images), model.eval()(images))
    path = network.save(tmp_path / "farm.yaml")
    assert (tmp_path / "blocks" / "cat.json").is_file()
    assert torch.equal(legonet.load(path).compile("cat:classify", **PLAIN)(images), model(images))
    for cut, message in {
        "layer1.0.relu": "is computed 2 times, as layer1.0.relu_1 and layer1.0.relu_2",
        "layr2": r"Did you mean 'layer2'\?",
    }.items():
        with pytest.raises(TeacherError, match=message):
            network.add_teacher("dog", model, category="dog", task="classify", cut=cut)
    with pytest.raises(TeacherError, match="expected a fraction between 0 and 1"):
        network.add_teacher("dog", model, category="dog", task="classify", cut=1.5)
    network.add_teacher("dog", model, category="dog", task="classify", cut=0.5)
    assert network.graph.teachers["dog"].cut.startswith("layer")


def test_a_model_with_broken_weights_is_refused() -> None:
    model = Small(0)
    with torch.no_grad():
        model.upper.weight[0] = float("nan")
    network = legonet.Network("farm", SHAPE)
    with pytest.raises(TeacherError, match=r"not finite: upper\.weight, 36 of 5184 values are NaN"):
        network.add_teacher("cat", model, category="cat", task="classify", cut="act_2")
    assert not network.graph.teachers


class Attending(nn.Module):
    """Attention by torch's own module, for which evaluation has a fast path with other bits."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 1)
        self.first, self.second = (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2))

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.head(self.second(self.first(tokens)).mean(1))


def test_attention_that_torch_computes_on_a_fast_path() -> None:
    torch.manual_seed(0)
    model, images = Attending().eval(), torch.rand(3, 3, 16, 16)
    net = Network("zoo", input_shape=(3, 16, 16))
    net.add_teacher("cat-v1", model, category="cat", task="classify", cut="first")
    assert torch.backends.mha.get_fastpath_enabled()
    with torch.no_grad():
        torch.testing.assert_close(net.compile("cat:classify")(images), model(images))
