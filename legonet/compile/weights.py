"""Stored layers by label, and the weights that a program's expressions make of them. Needs torch."""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import Tensor, nn

from legonet.blocks.build import leaves
from legonet.blocks.registry import describe_module
from legonet.compile.program import Brick, Joined, Normed, Scaled, Step, Weights
from legonet.ir.notation import Layer

_BEGINNING = 64  # bytes of a tensor that are compared before the whole


class Layers:
    """The layers of stored modules that hold weights, each content once, and what passes make of them.

    Nothing here is ever written to: what is computed from weights is a copy.
    """

    def __init__(self) -> None:
        self._layers: dict[str, nn.Module] = {}
        self._alike: dict[Hashable, list[str]] = {}

    def __getitem__(self, label: str) -> nn.Module:
        return self._layers[label]

    def brick(self, kind: str, name: str, module: nn.Module) -> Brick:
        """Take in a module and describe it as a brick.

        Args:
            kind: of the brick.
            name: of the brick.
            module: a chain of known layers becomes a step for each; another one is a single step.
        """
        owner = f"{kind}.{name}" if name else kind
        if type(module) is nn.Sequential:
            steps = [self._step(leaf_name, leaf, owner) for leaf_name, leaf in leaves(module)]
            if None not in steps:
                return Brick(kind, name, tuple(step for step in steps if step is not None))
        label = next((label for label, each in self._layers.items() if each is module), owner)
        self._layers[label] = module
        return Brick(kind, name, (Step("", None, label),))

    def _step(self, name: str, leaf: nn.Module, owner: str) -> Step | None:
        try:
            layer = describe_module(leaf)
        except ValueError:
            layer = None
        if layer is None:
            return None
        if not leaf.state_dict():
            return Step(name, layer)
        return Step(name, layer, self._label(f"{owner}.{name}", layer, leaf))

    def _label(self, label: str, layer: Layer, leaf: nn.Module) -> str:
        """The label of an equal layer that is known already, or this one."""
        tensors = list(leaf.state_dict().values())
        beginning = tuple(
            each.detach().reshape(-1)[:_BEGINNING].cpu().contiguous().view(torch.uint8).numpy().tobytes()
            if each.ndim
            else each.item()
            for each in tensors
        )
        shapes = tuple((each.dtype, each.shape) for each in tensors)
        known = self._alike.setdefault((layer, shapes, beginning), [])
        for each in known:
            if _same_bits(tensors, list(self._layers[each].state_dict().values())):
                return each
        self._layers[label] = leaf
        known.append(label)
        return label

    def size(self, brick: Brick) -> int:
        """How many numbers a brick's layers hold, as they are stored."""
        labels = {label for step in brick.steps for label in _labels(step.weights)}
        return sum(each.numel() for label in labels for each in self._layers[label].state_dict().values())

    def tensors(self, step: Step) -> dict[str, Tensor]:
        """The state of a step's layer: as stored, or computed."""
        return self._computed(step.weights)

    def _computed(self, weights: Weights) -> dict[str, Tensor]:
        if isinstance(weights, str):
            return dict(self._layers[weights].state_dict()) if weights else {}
        if isinstance(weights, Scaled):
            state = self._computed(weights.weights)
            beta = self._layers[weights.rescale].state_dict()["beta"]
            return state | {"weight": state["weight"] * beta}
        if isinstance(weights, Normed):
            return self._normed(weights)
        return _joined(self._computed(weights.below), self._computed(weights.above))

    def _normed(self, weights: Normed) -> dict[str, Tensor]:
        """A convolution with the batch norm above it: gamma (W x + b - mu) / s + delta."""
        norm, state = self._layers[weights.norm], self._computed(weights.weights)
        recorded = {name: value.double() for name, value in norm.state_dict().items()}
        weight = state["weight"].double()
        scale = (recorded["running_var"] + norm.eps).rsqrt()  # type: ignore[operator]
        scale = scale * recorded.get("weight", torch.ones_like(scale))
        axis = 1 if self._transposed(weights.weights) else 0
        shape = [1] * weight.ndim
        shape[axis] = -1
        offset = state["bias"].double() if "bias" in state else torch.zeros_like(scale)
        offset = (offset - recorded["running_mean"]) * scale + recorded.get("bias", torch.zeros_like(scale))
        dtype = state["weight"].dtype
        return {"weight": (weight * scale.view(shape)).to(dtype), "bias": offset.to(dtype)}

    def _transposed(self, weights: Weights) -> bool:
        while not isinstance(weights, str):
            weights = weights.above if isinstance(weights, Joined) else weights.weights
        return isinstance(self._layers[weights], nn.ConvTranspose2d)


def _labels(weights: Weights) -> list[str]:
    """The stored layers that an expression is made of."""
    if isinstance(weights, str):
        return [weights] if weights else []
    if isinstance(weights, Joined):
        return [*_labels(weights.below), *_labels(weights.above)]
    return [*_labels(weights.weights), weights.rescale if isinstance(weights, Scaled) else weights.norm]


def _same_bits(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(
        torch.equal(a.reshape(-1).view(torch.uint8), b.reshape(-1).view(torch.uint8))
        for a, b in zip(left, right, strict=True)
    )


def _joined(below: dict[str, Tensor], above: dict[str, Tensor]) -> dict[str, Tensor]:
    """Two linear layers, or two convolutions of which one is 1x1, as one."""
    lower, upper = below["weight"].double(), above["weight"].double()
    if lower.ndim == 2:
        weight = upper @ lower
    elif upper.shape[2:] == (1, 1):
        weight = torch.einsum("oh,hikl->oikl", upper[:, :, 0, 0], lower)
    else:
        weight = torch.einsum("ohkl,hi->oikl", upper, lower[:, :, 0, 0])
    dtype = below["weight"].dtype
    state = {"weight": weight.to(dtype)}
    if "bias" in below or "bias" in above:
        offset = above["bias"].double() if "bias" in above else upper.new_zeros(len(upper))
        if "bias" in below:
            through = upper if upper.ndim == 2 else upper.sum((2, 3))
            offset = offset + through @ below["bias"].double()
        state["bias"] = offset.to(dtype)
    return state
