"""Stored tensors by label, and those that a program's expressions make of them. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor, nn

from legonet.compile.program import Brick, Computed, Weight
from legonet.ir.cuts import needed
from legonet.ir.graph import restricted
from legonet.ir.interpreter import GraphModule

_BEGINNING = 64  # numbers of a tensor that are compared before the whole


class Tensors:
    """The tensors of stored modules, each content once, and what passes make of them.

    Nothing here is ever written to: what is computed from tensors is a copy.
    """

    def __init__(self) -> None:
        self._stored: dict[str, Tensor] = {}
        self._alike: dict[Hashable, list[str]] = {}
        self._made: dict[tuple[Weight, bool], Tensor] = {}
        self._own: dict[str, Tensor] = {}  # those of adapters, which can be trained each by itself

    def brick(self, kind: str, name: str, module: GraphModule, *, trained: bool = False) -> Brick:
        """Take in a module and describe it as a brick.

        Args:
            kind: The brick's kind.
            name: The brick's name.
            module: The module, whose tensors are used as they are.
            trained: They are copied, and equal to no other.
        """
        whole, owner = module.graph.without_notation(), f"{kind}.{name}" if name else kind
        steps = {each: whole.steps[each] for each in needed(whole, whole.output)}
        graph = restricted(whole, steps, whole.output)
        tensors = {f"{owner}.{each}": module.tensor(each) for each in graph.tensors}
        if trained:
            tensors = {label: each.detach().clone() for label, each in tensors.items()}
            self._stored |= tensors
        labels = list(tensors) if trained else [self._label(*each) for each in tensors.items()]
        if kind == "adapters":
            self._own |= tensors
        return Brick(kind, name, graph, dict(zip(graph.tensors, labels, strict=True)), trained=trained)

    def _label(self, label: str, tensor: Tensor) -> str:
        """The label of an equal tensor that is known already, or this one."""
        beginning = tensor.detach().reshape(-1)[:_BEGINNING].cpu().contiguous().view(torch.uint8)
        key = (tensor.dtype, tensor.shape, beginning.numpy().tobytes())
        known = self._alike.setdefault(key, [])
        for each in known:
            if _same_bits(tensor, self._stored[each]):
                return each
        self._stored[label] = tensor
        known.append(label)
        return label

    def size(self, brick: Brick) -> int:
        """How many numbers a brick's tensors hold, as they are stored."""
        labels = {label for weight in brick.weights.values() for label in labels_of(weight)}
        return sum(self._stored[label].numel() for label in labels)

    def of(self, brick: Brick) -> dict[str, Tensor]:
        """A brick's tensors by their names: as stored, or computed; equal ones are one, but for adapters'."""
        found = {}
        for name, weight in brick.weights.items():
            own = self._own.get(f"{brick.full_name}.{name}") if isinstance(weight, str) else None
            key = (weight, brick.graph.tensors[name].buffer)
            if own is None and key not in self._made:
                with torch.inference_mode(False), torch.no_grad():  # groups are measured in inference mode
                    self._made[key] = _held(self.value(weight), key[1])
            found[name] = self._made[key] if own is None else _held(own, key[1])
        return found

    def value(self, weight: Weight) -> Tensor:
        """What an expression comes to."""
        if isinstance(weight, str):
            return self._stored[weight]
        parts = [None if part is None else self.value(part).detach() for part in weight.parts]
        return _FORMULAS[weight.how](parts, weight.number)


def _held(value: Tensor, buffer: bool) -> Tensor:
    """A tensor as a module holds it."""
    value = value.detach()
    return value if buffer or not value.is_floating_point() else nn.Parameter(value, requires_grad=False)


def labels_of(weight: Weight | None) -> list[str]:
    """The stored tensors that an expression is made of."""
    if isinstance(weight, Computed):
        return [label for part in weight.parts for label in labels_of(part)]
    return [] if weight is None else [weight]


def _same_bits(left: Tensor, right: Tensor) -> bool:
    return torch.equal(left.reshape(-1).view(torch.uint8), right.reshape(-1).view(torch.uint8))


def _scaled(parts: list[Tensor | None], number: float) -> Tensor:
    """W · beta."""
    weight, scale = parts
    assert weight is not None and scale is not None  # noqa: S101, PT018 - both are always there
    return weight * scale


def _scale(gamma: Tensor | None, variance: Tensor | None, epsilon: float) -> Tensor:
    """Gamma / sqrt(variance + epsilon), in float64."""
    assert variance is not None  # noqa: S101 - only recorded statistics are folded
    scale = (variance.double() + epsilon).rsqrt()
    return scale if gamma is None else scale * gamma.double()


def _normed(parts: list[Tensor | None], epsilon: float, axis: int = 0) -> Tensor:
    """A layer's weight with the batch norm above it."""
    weight, gamma, variance = parts
    assert weight is not None  # noqa: S101 - a layer has one
    shape = [1] * weight.ndim
    shape[axis] = -1
    return (weight.double() * _scale(gamma, variance, epsilon).view(shape)).to(weight.dtype)


def _normed_inputs(parts: list[Tensor | None], epsilon: float) -> Tensor:
    """Of a transposed convolution, whose outputs are the second axis."""
    return _normed(parts, epsilon, axis=1)


def _normed_bias(parts: list[Tensor | None], epsilon: float) -> Tensor:
    """Gamma (b - mu) / s + delta."""
    bias, mean, gamma, variance, delta = parts
    assert mean is not None  # noqa: S101 - only recorded statistics are folded
    offset = -mean.double() if bias is None else bias.double() - mean.double()
    offset = offset * _scale(gamma, variance, epsilon)
    return (offset if delta is None else offset + delta.double()).to(mean.dtype)


def _joined(parts: list[Tensor | None], number: float) -> Tensor:
    """Two fully connected layers, or two convolutions of which one is 1x1, as one."""
    below, above = parts
    assert below is not None and above is not None  # noqa: S101, PT018 - both are always there
    lower, upper = below.double(), above.double()
    if lower.ndim == 2:
        weight = upper @ lower
    elif upper.shape[2:] == (1, 1):
        weight = torch.einsum("oh,hikl->oikl", upper[:, :, 0, 0], lower)
    else:
        weight = torch.einsum("ohkl,hi->oikl", upper, lower[:, :, 0, 0])
    return weight.to(below.dtype)


def _joined_bias(parts: list[Tensor | None], number: float) -> Tensor:
    """The lower layer's offset through the upper layer, and the upper layer's own."""
    below, weight, above = parts
    assert weight is not None  # noqa: S101 - a layer has one
    upper = weight.double()
    offset = upper.new_zeros(len(upper)) if above is None else above.double()
    if below is not None:
        offset = offset + (upper if upper.ndim == 2 else upper.sum((2, 3))) @ below.double()
    return offset.to(weight.dtype)


def _side_by_side(parts: list[Tensor | None], number: float) -> Tensor:
    """Members below each other."""
    return torch.cat([part for part in parts if part is not None])


def _one_each(parts: list[Tensor | None], number: float) -> Tensor:
    """A number for each member, along the first of four axes."""
    return torch.stack([part for part in parts if part is not None]).view(-1, 1, 1, 1)


_FORMULAS: dict[str, Callable[[list[Tensor | None], float], Tensor]] = {
    "scaled": _scaled,
    "normed": _normed,
    "normed-inputs": _normed_inputs,
    "normed-bias": _normed_bias,
    "joined": _joined,
    "joined-bias": _joined_bias,
    "side by side": _side_by_side,
    "one each": _one_each,
}
"""What becomes of tensors, by the name that `Computed` gives it."""
