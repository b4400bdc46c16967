"""Models of torchvision and timm that people use, with random weights; whole, and taken apart by hand."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from legonet.errors import DataError

NOISE_IMAGES = 4
NOISE = 0.1  # of a fine-tuned weight: its difference, in standard deviations


@dataclass(frozen=True)
class Known:
    """A model of a library.

    Attributes:
        name: As people write it.
        make: Builds it for square images of a side.
        cut: Where it is cut in two.
        folds: It has batch norms that convolutions can do.
    """

    name: str
    make: Callable[[int], nn.Module]
    cut: str
    folds: bool

    def build(self, side: int) -> nn.Module:
        """The model in evaluation mode, frozen and awake; always the same."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return awake(self.make(side), side).requires_grad_(False)


def _vision(name: str) -> Callable[[int], nn.Module]:
    return lambda side: torchvision.models.get_model(name, weights=None)


def _timm(name: str, sized: bool = False) -> Callable[[int], nn.Module]:
    """A model of timm; one that is sized is built for images of one size."""

    def make(side: int) -> nn.Module:
        try:
            timm = importlib.import_module("timm")
        except ImportError as error:
            raise DataError(
                f"{name}: timm is not installed; expected the extra 'zoo'; run: pip install 'legonet[zoo]'"
            ) from error
        return timm.create_model(name, pretrained=False, **({"img_size": side} if sized else {}))

    return make


RESNET = Known("ResNet-18", _vision("resnet18"), "layer3", folds=True)
VIT = Known("ViT-S", _timm("vit_small_patch16_224", sized=True), "blocks.8", folds=False)
MODELS = (
    RESNET,
    Known("ResNet-50", _vision("resnet50"), "layer3", folds=True),
    Known("EfficientNet-Lite0", _timm("tf_efficientnet_lite0"), "blocks.4", folds=True),
    Known("MobileNetV3-Large", _vision("mobilenet_v3_large"), "features.8", folds=True),
    Known("ConvNeXt-T", _vision("convnext_tiny"), "features.4", folds=False),
    VIT,
)


def awake(model: nn.Module, side: int) -> nn.Module:
    """Give weights that begin near zero random values, and norms the statistics of noise, in place.

    Otherwise the branches of a ConvNeXt would add nothing, and a MobileNet's output would follow its biases
    alone, whatever the image.

    Args:
        model: Its weights are random.
        side: Of the images, height and width.

    Returns:
        The model in evaluation mode.
    """
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.abs().max() < 1e-3:
            nn.init.normal_(parameter, std=0.1, generator=generator)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches that it sees
    with torch.no_grad():
        model.train()(torch.rand(NOISE_IMAGES, 3, side, side, generator=generator))
    return model.eval()


def fine_tuned(model: nn.Module, parts: Collection[str], seed: int) -> nn.Module:
    """A copy with some of its modules changed a little, as fine-tuning above a frozen stem does."""
    model, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for part in parts:
        for parameter in model.get_submodule(part).parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data.add_(noise, alpha=NOISE * float(parameter.std(correction=0)))
    return model


@dataclass(frozen=True)
class Shared:
    """A model whose lowest part several teachers share.

    Attributes:
        known: The model; its cut ends the category module.
        tuned: The modules of the category module that each teacher has of its own.
        parts: Takes a model apart by hand: the stem, the rest of the category module, the task module.
    """

    known: Known
    tuned: tuple[str, ...]
    parts: Callable[[Any], tuple[nn.Module, nn.Module, nn.Module]]


def _resnet_parts(model: Any) -> tuple[nn.Module, nn.Module, nn.Module]:
    stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool, model.layer1, model.layer2)
    head = nn.Sequential(model.layer4, model.avgpool, nn.Flatten(), model.fc)
    return stem.eval(), model.layer3, head.eval()


class _Tokens(nn.Module):
    """The first blocks of timm's ViT, and what makes tokens of images."""

    def __init__(self, model: Any, blocks: int) -> None:
        super().__init__()
        self.model, self.blocks = model, model.blocks[:blocks]

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.model._pos_embed(self.model.patch_embed(images))
        return self.blocks(self.model.norm_pre(self.model.patch_drop(tokens)))


class _Head(nn.Module):
    """Its last blocks, and what makes scores of tokens."""

    def __init__(self, model: Any, blocks: int) -> None:
        super().__init__()
        self.model, self.blocks = model, model.blocks[blocks:]

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model.forward_head(self.model.norm(self.blocks(tokens)))


def _vit_parts(model: Any) -> tuple[nn.Module, nn.Module, nn.Module]:
    return _Tokens(model, 6).eval(), model.blocks[6:9], _Head(model, 9).eval()


SHARED = (
    Shared(RESNET, ("layer3",), _resnet_parts),
    Shared(VIT, ("blocks.6", "blocks.7", "blocks.8"), _vit_parts),
)
