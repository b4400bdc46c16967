"""How the animals' teachers are trained: one base on the other animals, then fine-tuning.

All teachers of a task must stay near its base, because transplanting supposes that unit i of one teacher's
task module means what unit i of another's means. Hence the base is trained long, on new compositions all
the time, and each teacher is fine-tuned for a fraction as long, at a lower learning rate, and from the same
start of its last layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from legonet.blocks.build import build_layers
from legonet.blocks.schema import Block
from legonet.data import animals
from legonet.data.animals import OTHERS, Images
from legonet.ir.notation import Conv, ConvTranspose, Layers, Linear

State = dict[str, Tensor]
Loss = Callable[[Tensor, Images], Tensor]
DICE_WEIGHT = 0.3
_BATCH = 64


@dataclass(frozen=True)
class Schedule:
    """One training: Adam with decoupled weight decay, one cycle of the learning rate.

    Source: Loshchilov and Hutter, arXiv:1711.05101; Smith and Topin, arXiv:1708.07120.
    """

    rounds: int
    """Each is a new composition of `animals.COUNTS["train"]` images of the training silhouettes."""
    learning_rate: float
    weight_decay: float
    warm_up: float
    """Part of all steps in which the learning rate rises."""


def normalise(images: Tensor) -> Tensor:
    """Bring images (batch, 3, height, width) in [0, 1] to what the networks take."""
    mean, std = (torch.tensor(part).view(3, 1, 1) for part in (animals.MEAN, animals.STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def initial(block: Block, outputs: int, generator: torch.Generator) -> nn.Sequential:
    """Build a block with random weights, and as many outputs as wanted.

    Weights are normal with variance 2 / fan-in, where the fan-in of a transposed convolution is what
    reaches one output; biases are zero.
    Source: He et al., arXiv:1502.01852, eq. 10.
    """
    net = build_layers(_with_outputs(block.layers or {}, outputs))
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if isinstance(layer, nn.ConvTranspose2d):
                reach = layer.weight[0, 0].numel() / math.prod(layer.stride)
                nn.init.normal_(
                    layer.weight, std=(2 / (layer.in_channels * reach)) ** 0.5, generator=generator
                )
            else:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _with_outputs(layers: Layers, outputs: int) -> Layers:
    """The same layers, but the last gives another number of outputs."""
    name, last = list(layers.items())[-1]
    if isinstance(last, Conv | ConvTranspose):
        return {**layers, name: last.model_copy(update={"out_channels": outputs})}
    assert isinstance(last, Linear)  # noqa: S101 - what the animals' blocks end with
    return {**layers, name: last.model_copy(update={"out_features": outputs})}


def start_from(net: nn.Sequential, *states: State, frozen: tuple[str, ...] = ()) -> nn.Sequential:
    """Give a network weights that are there already; where two states have a layer, the later one counts.

    Args:
        net: The network; it is changed in place.
        states: Weights by layer. The network's last layer, and what it does not have, is left out.
        frozen: Layers that a training is to leave as they are.

    Returns:
        The network.
    """
    *names, _ = (name for name, _ in net.named_children())
    own = {key for key in net.state_dict() if key.split(".")[0] in names}
    for state in states:
        net.load_state_dict({key: value for key, value in state.items() if key in own}, strict=False)
    for name in frozen:
        net.get_submodule(name).requires_grad_(False)
    return net


def train(
    net: nn.Module,
    loss: Loss,
    sets: Callable[[int], Images],
    schedule: Schedule,
    generator: torch.Generator,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Train the parameters of a network that need a gradient.

    Args:
        net: The network; it is changed in place.
        loss: Mean loss of the network's output on a batch.
        sets: Gives the images of each round.
        schedule: How long, and how fast.
        generator: Shuffles the images.
        progress: Called after each round with its number, from 0.
    """
    count = animals.COUNTS["train"]
    optimiser = torch.optim.AdamW(
        [parameter for parameter in net.parameters() if parameter.requires_grad],
        lr=schedule.learning_rate,
        weight_decay=schedule.weight_decay,
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        schedule.learning_rate,
        total_steps=schedule.rounds * -(-count // _BATCH),
        pct_start=schedule.warm_up,
    )
    for number in range(schedule.rounds):
        net.train()
        images = sets(number)
        for chosen in torch.randperm(count, generator=generator).split(_BATCH):
            batch = Images(*(part[chosen] for part in images))
            optimiser.zero_grad()
            loss(net(normalise(batch.images)), batch).backward()
            optimiser.step()
            cycle.step()
        progress(number)
    net.eval()


def class_loss(output: Tensor, batch: Images) -> Tensor:
    """Cross-entropy of one score per label (batch, labels)."""
    return functional.cross_entropy(output, batch.labels)


def binary_loss(output: Tensor, batch: Images) -> Tensor:
    """Binary cross-entropy of one score per image (batch, 1)."""
    return functional.binary_cross_entropy_with_logits(output[:, 0], batch.labels.float())


def pixel_class_loss(output: Tensor, batch: Images) -> Tensor:
    """Cross-entropy of one score per label and pixel (batch, labels, height, width).

    A pixel beside the animal, or of a plain background, has the last label.
    """
    shown = torch.where(batch.masks[:, 0], batch.labels.view(-1, 1, 1), len(OTHERS))
    return functional.cross_entropy(output, shown)


def pixel_loss(output: Tensor, batch: Images) -> Tensor:
    """Binary cross-entropy of one score per pixel (batch, 1, height, width), and the soft Dice loss.

    The first alone is content with few pixels of an animal, since one in ten is; the second counts overlap
    with the masks of the whole batch, of which every other one is empty.
    Source: Milletari et al., arXiv:1606.04797, section 3.
    """
    shown, found = batch.masks.float(), output.sigmoid()
    dice = 2 * (found * shown).sum() / (found.sum() + shown.sum())
    return functional.binary_cross_entropy_with_logits(output, shown) + DICE_WEIGHT * (1 - dice)


@torch.no_grad()
def outputs(net: nn.Module, images: Tensor) -> Tensor:
    """Outputs for images in [0, 1], in batches."""
    net.eval()
    return torch.cat([net(normalise(part)) for part in images.split(250)])


def channel_order(channels: int, generator: torch.Generator) -> Tensor:
    """A random order of channels in which no channel keeps its place."""
    while True:
        order = torch.randperm(channels, generator=generator)
        if channels == 1 or not (order == torch.arange(channels)).any():
            return order


def reorder(state: Mapping[str, Tensor], order: Tensor, giver: str, takers: tuple[str, ...]) -> State:
    """Reorder the output channels of one layer without a change of the network's function.

    Args:
        state: Weights by layer.
        order: Channel i of the result is channel order[i] of what was.
        giver: The convolution whose output channels are reordered.
        takers: The convolutions that read them.

    Returns:
        New weights.
    """
    result = dict(state)
    for part in ("weight", "bias"):
        result[f"{giver}.{part}"] = state[f"{giver}.{part}"][order]
    for taker in takers:
        result[f"{taker}.weight"] = state[f"{taker}.weight"][:, order]
    return result


def shuffled(net: nn.Module, giver: str, taker: str, seed: int) -> State:
    """The weights of a network, the channels between two convolutions in an order of their own.

    Args:
        net: What it computes does not change.
        giver: The convolution whose output channels are reordered.
        taker: The one that reads them.
        seed: Of the order.
    """
    state, generator = plain(net.state_dict()), torch.Generator().manual_seed(seed)
    return reorder(state, channel_order(len(state[f"{giver}.bias"]), generator), giver, (taker,))


def plain(state: Mapping[str, Tensor]) -> State:
    """Copies in the usual memory order, apart from any network."""
    return {
        name: value.detach().clone().contiguous(memory_format=torch.contiguous_format)
        for name, value in state.items()
    }
