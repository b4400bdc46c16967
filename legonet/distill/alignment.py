"""Alignment: the hidden units of one task module put in the order of another's, without data.

Unit i of g_S and unit i of g_T mean the same where both were fine-tuned from one base. Where they do not,
because g_T was trained elsewhere or its units were reordered, orders P_l are looked for that make the
weights of the two most alike:

    max over P_1 … P_{L-1}   Σ_l ⟨ W_S^l, P_l W_T^l P_{l-1}ᵀ ⟩ + ⟨ b_S^l, P_l b_T^l ⟩,      P_L = 1

one P_l at a time, which is a linear assignment, bottom first, until none changes. P_0, the order of the
features at the cut, is free: they are the adapter's business. So the lowest layer is compared after the
channels of its input were mixed by least squares, W_S^1 ≈ P_1 W_T^1 M, and in the first sweep, when P_1 is
not known, by each unit's k² x k² Gram matrix over the input channels, which no orthogonal M changes.

A reordered g_T computes the same function, so nothing is lost where the alignment fails.

Source: Ainsworth, Hayase, Srinivasa: Git Re-Basin, arXiv:2209.04836, section 3.2, algorithm 1; the free input
is legonet's.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from legonet.blocks.build import leaves
from legonet.blocks.rescale import Rescale
from legonet.distill.pullback import Pullback, Shape

SWEEPS = 20  # at most; it ends when no order changes
Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear

_PER_CHANNEL = (
    nn.ReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool2d,
    nn.Upsample,
    nn.BatchNorm2d,
    nn.Dropout,
    nn.Dropout2d,
    nn.Identity,
    nn.Flatten,
    Rescale,
)


@dataclass(frozen=True)
class Alignment:
    """A task module with its hidden units in the order of another's.

    Attributes:
        module: a reordered copy; it computes what the original computes.
        relu_orders: for each ReLU, bottom first: unit i is the original's unit order[i].
        similarity: cosine of all weights above the lowest layer's to the other module's, -1 to 1; about 0.1
            for strangers.
    """

    module: nn.Sequential
    relu_orders: list[Tensor]
    similarity: float

    def reordered(self, activity: Sequence[Tensor]) -> list[Tensor]:
        """What was recorded of each ReLU's units, (units, …), in the new order."""
        return [each[order.to(each.device)] for each, order in zip(activity, self.relu_orders, strict=True)]


def align(module: nn.Module, reference: nn.Module, input_shape: Shape) -> Alignment | None:
    """Reorder the hidden units of a task module to match another's.

    Args:
        module: g_T, a chain of layers; it stays as it is.
        reference: g_S, of the same architecture but for the channels of its input.
        input_shape: (channels, height, width) that `module` takes.

    Returns:
        The aligned copy; None where the two differ in architecture, are graphs, or have layers whose units
        cannot be reordered one by one, such as grouped convolutions.
    """
    if not isinstance(module, nn.Sequential) or not isinstance(reference, nn.Sequential):
        return None
    result = copy.deepcopy(module)
    mine, theirs = _weighted(result), _weighted(reference)
    if mine is None or theirs is None or not _alike(mine, theirs):
        return None
    ours = [_Matrix.of(layer) for layer in mine]
    wanted = [_Matrix.of(layer) for layer in theirs]
    orders = [torch.arange(len(each.weight), device=each.weight.device) for each in ours]
    for sweep in range(SWEEPS):
        changed = False
        for index in range(len(ours) - 1):
            found = _assign(_likeness(index, ours, wanted, orders, blind=sweep == 0))
            changed |= not torch.equal(found, orders[index])
            orders[index] = found
        if not changed:
            break
    relu_orders = reorder(result, orders[:-1], input_shape)
    return Alignment(result, relu_orders, _cosine([_Matrix.of(each) for each in mine], wanted))


@dataclass(frozen=True)
class _Matrix:
    """A layer's weight as (outputs, inputs, positions) and its bias, in float64."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layer: Weighted) -> _Matrix:
        weight = layer.weight.detach().double()
        weight = weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight
        bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().double()
        return cls(weight.reshape(*weight.shape[:2], -1), bias)

    def inputs(self, order: Tensor) -> Tensor:
        """The weight with its inputs in another order; after a flatten each channel is a run of inputs."""
        return self.weight.index_select(1, _expanded(order, self.weight.shape[1]))


def _weighted(chain: nn.Sequential) -> list[Weighted] | None:
    """The layers with weights, bottom first; None if there is a layer whose channels cannot be reordered."""
    found: list[Weighted] = []
    for _, layer in leaves(chain):
        if isinstance(layer, Weighted):
            if getattr(layer, "groups", 1) != 1:
                return None
            found.append(layer)
        elif not isinstance(layer, _PER_CHANNEL):
            return None
    return found


def _alike(mine: Sequence[Weighted], theirs: Sequence[Weighted]) -> bool:
    """Whether both have the same layers; only the lowest may differ, in what it takes."""
    if [type(each) for each in mine] != [type(each) for each in theirs]:
        return False
    shapes = [[_Matrix.of(layer).weight.shape for layer in layers] for layers in (mine, theirs)]
    return all(
        own == other or (index == 0 and own[::2] == other[::2])
        for index, (own, other) in enumerate(zip(*shapes, strict=True))
    )


def _likeness(
    index: int, ours: list[_Matrix], wanted: list[_Matrix], orders: list[Tensor], blind: bool
) -> Tensor:
    """How much unit i of the reference is like unit j of ours, (units, units), given the other orders.

    Args:
        index: of the layer that gives the units.
        ours: matrices in their first order.
        wanted: the reference's.
        orders: of all layers' units.
        blind: the orders above are not known yet.
    """
    mine, theirs = ours[index], wanted[index]
    if index > 0:
        rows = theirs.weight.flatten(1) @ mine.inputs(orders[index - 1]).flatten(1).T
    elif blind:
        rows = _gram(theirs.weight) @ _gram(mine.weight).T
    else:
        rows = _mixed(theirs.weight, mine.weight, orders[0])
    rows = rows + torch.outer(theirs.bias, mine.bias)
    if blind and index < len(ours) - 2:
        return rows
    above, reference = ours[index + 1].weight[orders[index + 1]], wanted[index + 1].weight
    units = len(mine.weight)
    columns = reference.transpose(0, 1).reshape(units, -1) @ above.transpose(0, 1).reshape(units, -1).T
    return rows + columns


def _gram(weight: Tensor) -> Tensor:
    """Each unit's Gram matrix over its input channels, flattened, as a unit vector times the unit's norm."""
    gram = (weight.transpose(1, 2) @ weight).flatten(1)
    norm = weight.flatten(1).norm(dim=1, keepdim=True)
    return gram / gram.norm(dim=1, keepdim=True).clamp_min(1e-12) * norm


def _mixed(theirs: Tensor, mine: Tensor, order: Tensor) -> Tensor:
    """Inner products of units after the best mixing of our input channels, given an order of our units."""
    rows = mine[order].transpose(1, 2).flatten(0, 1)
    mixing = torch.linalg.lstsq(rows, theirs.transpose(1, 2).flatten(0, 1), driver="gelsd").solution
    mixed = (mine.transpose(1, 2) @ mixing).flatten(1)
    return theirs.transpose(1, 2).flatten(1) @ mixed.T


def _assign(likeness: Tensor) -> Tensor:
    """The order that makes the sum of likenesses greatest."""
    _, columns = linear_sum_assignment(likeness.cpu().numpy(), maximize=True)
    return torch.from_numpy(np.ascontiguousarray(columns)).to(likeness.device)


def _expanded(order: Tensor, inputs: int) -> Tensor:
    run = inputs // len(order)
    return (order[:, None] * run + torch.arange(run, device=order.device)).flatten()


def reorder(chain: nn.Module, orders: Sequence[Tensor], input_shape: Shape) -> list[Tensor]:
    """Put the hidden units of a chain in other orders, in place; its function stays.

    Args:
        chain: convolutions, linear layers and what keeps channels apart.
        orders: for each layer with weights but the last, bottom first: unit i becomes what unit order[i] was.
        input_shape: (channels, height, width) of its input.

    Returns:
        For each ReLU, bottom first, the order of its units, likewise.
    """
    relu_orders: list[Tensor] = []
    below: Tensor | None = None
    remaining = list(orders)
    for (_, layer), shape in zip(leaves(chain), Pullback(chain, input_shape).shapes, strict=False):
        if below is not None and shape[0] != len(below):  # above a flatten
            below = _expanded(below, shape[0])
        if isinstance(layer, Weighted):
            own = remaining.pop(0) if remaining else None
            _reorder_layer(layer, own, below)
            below = own
        elif isinstance(layer, nn.ReLU):
            relu_orders.append(torch.arange(shape[0]) if below is None else below)
        elif isinstance(layer, nn.BatchNorm2d) and below is not None:
            for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                if tensor is not None:
                    tensor.data = tensor.data[below]
    return relu_orders


def _reorder_layer(layer: nn.Module, own: Tensor | None, below: Tensor | None) -> None:
    inputs_first = isinstance(layer, nn.ConvTranspose2d)
    weight, bias = layer.get_parameter("weight"), layer.bias
    if below is not None:
        weight.data = weight.data.index_select(0 if inputs_first else 1, below)
    if own is not None:
        weight.data = weight.data.index_select(1 if inputs_first else 0, own)
        if isinstance(bias, nn.Parameter):
            bias.data = bias.data[own]


def _cosine(ours: Sequence[_Matrix], wanted: Sequence[_Matrix]) -> float:
    """Of the weights above the lowest layer, whose inputs have an order of their own."""
    mine, theirs = (torch.cat([each.weight.flatten() for each in side[1:]]) for side in (ours, wanted))
    return float(torch.nn.functional.cosine_similarity(mine, theirs, dim=0)) if len(mine) else 0.0
