"""Pseudo-gradients: a gradient of the output carried down a chain of layers, whatever the features.

The pullback of a chain y = g(x) takes G, shaped like y, to D', shaped like x:

    D' = f'_conv ∘ f'_dummy ∘ f'_pool^avg ∘ … ∘ f'_conv(G)

Each f' is the transposed Jacobian of one layer, made independent of the features: a ReLU becomes a
given mask (or the identity), max pooling becomes average pooling, dropout is left out. So D' is linear
in G, and linear in the weights of each layer.

Source: Zhang et al., Network Transplanting, arXiv:1804.10272, equation (4b) and appendix.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legonet.blocks.build import leaves
from legonet.blocks.interpret import OperationModule
from legonet.blocks.rescale import Rescale
from legonet.distill.graph_pullback import GraphPullback
from legonet.errors import DistillError

Shape = tuple[int, ...]
Rule = Callable[[Any, Tensor, Shape], Tensor]


def _conv(layer: nn.Conv2d, gradient: Tensor, shape: Shape) -> Tensor:
    """W^T G: the transposed convolution, padded to the input's size where the stride left rows over."""
    if isinstance(layer.padding, str):
        return _transposed_jacobian(layer, gradient, shape)
    left_over = [
        size - ((out - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1)
        for size, out, stride, padding, dilation, kernel in zip(
            shape[-2:],
            gradient.shape[-2:],
            layer.stride,
            layer.padding,
            layer.dilation,
            layer.kernel_size,
            strict=True,
        )
    ]
    return F.conv_transpose2d(
        gradient,
        layer.weight,
        stride=layer.stride,
        padding=layer.padding,
        output_padding=left_over,
        groups=layer.groups,
        dilation=layer.dilation,
    )


def _linear(layer: nn.Linear, gradient: Tensor, shape: Shape) -> Tensor:
    """W^T G."""
    return gradient @ layer.weight


def _average(layer: nn.MaxPool2d, gradient: Tensor, shape: Shape) -> Tensor:
    """Max pooling as average pooling: each input of a window receives an equal share of G."""
    if _pair(layer.dilation) != (1, 1):
        raise DistillError(
            "max pooling with dilation has no pullback; expected dilation 1; cut the teacher above it"
        )
    kernel, stride = _pair(layer.kernel_size), _pair(layer.stride)
    if kernel == stride and _pair(layer.padding) == (0, 0) and not layer.ceil_mode:
        size = [side * window for side, window in zip(gradient.shape[-2:], kernel, strict=True)]
        spread = F.interpolate(gradient / (kernel[0] * kernel[1]), size, mode="nearest")
        bottom, right = shape[-2] - spread.shape[-2], shape[-1] - spread.shape[-1]
        return F.pad(spread, (0, right, 0, bottom)) if bottom or right else spread
    average = nn.AvgPool2d(kernel, stride, _pair(layer.padding), ceil_mode=layer.ceil_mode)
    return _transposed_jacobian(average, gradient, shape)


def _flatten(layer: nn.Module, gradient: Tensor, shape: Shape) -> Tensor:
    return gradient.reshape(gradient.shape[0], *shape)


def _batch_norm(layer: nn.BatchNorm2d, gradient: Tensor, shape: Shape) -> Tensor:
    """Scale by gamma / sqrt(variance + eps): with running statistics, one number per channel."""
    if layer.running_var is None:
        raise DistillError("batch norm without running statistics has no pullback; expected recorded ones")
    scale = torch.rsqrt(layer.running_var + layer.eps)
    scale = scale * layer.weight if layer.affine else scale
    return gradient * scale.view(-1, 1, 1)


def _rescale(layer: Rescale, gradient: Tensor, shape: Shape) -> Tensor:
    return gradient * layer.beta


def _identity(layer: nn.Module, gradient: Tensor, shape: Shape) -> Tensor:
    return gradient


def _transposed_jacobian(layer: nn.Module, gradient: Tensor, shape: Shape) -> Tensor:
    """J^T G by automatic differentiation, for layers that are affine in their input: J has no features."""
    with torch.enable_grad():
        zero = gradient.new_zeros(gradient.shape[0], *shape).requires_grad_()
        needs_graph = gradient.requires_grad or any(p.requires_grad for p in layer.parameters())
        (result,) = torch.autograd.grad(layer(zero), zero, gradient, create_graph=needs_graph)
    return result


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


# One rule per layer. ReLU has none: it is where the masks stand, see `Pullback`.
RULES: dict[type[nn.Module], Rule] = {
    nn.Conv2d: _conv,
    nn.ConvTranspose2d: _transposed_jacobian,
    nn.Linear: _linear,
    nn.MaxPool2d: _average,
    nn.AvgPool2d: _transposed_jacobian,
    nn.AdaptiveAvgPool2d: _transposed_jacobian,
    nn.Upsample: _transposed_jacobian,
    nn.Flatten: _flatten,
    nn.BatchNorm2d: _batch_norm,
    nn.Dropout: _identity,
    nn.Dropout2d: _identity,
    nn.Identity: _identity,
    Rescale: _rescale,
}


def pullback(module: nn.Module, input_shape: Shape) -> Pullback | GraphPullback:
    """The pullback of a task module, whatever it is.

    Args:
        module: a chain of layers, or a graph of operations, with its weights.
        input_shape: (channels, height, width) of one input.

    Raises:
        DistillError: a layer or an operation has no rule.
    """
    if isinstance(module, OperationModule):
        return GraphPullback(module, input_shape)
    return Pullback(module, input_shape)


class Pullback:
    """The pullback of a chain of layers.

    Args:
        chain: the layers, bottom first.
        input_shape: (channels, height, width) of one input.

    Attributes:
        input_shape: shape of one D'.
        output_shape: shape of one G.
        relu_shapes: for each ReLU, bottom first, the shape of its mask.

    Raises:
        DistillError: a layer has no rule.
    """

    def __init__(self, chain: nn.Module, input_shape: Shape) -> None:
        self.layers = leaves(chain)
        self.input_shape = tuple(input_shape)
        for name, layer in self.layers:
            if not isinstance(layer, nn.ReLU) and type(layer) not in RULES:
                known = ", ".join(sorted(rule.__name__ for rule in RULES))
                raise DistillError(
                    f"layer '{name}': {type(layer).__name__} has no pullback rule; expected ReLU, {known}; "
                    "cut the teacher above it, or add a rule to legonet.distill.pullback.RULES"
                )
        self.shapes = _shapes(self.layers, self.input_shape)
        self.output_shape = self.shapes[-1]

    @property
    def relu_shapes(self) -> list[Shape]:
        """The shape of each ReLU's mask, bottom first."""
        return [
            shape
            for (_, layer), shape in zip(self.layers, self.shapes, strict=False)
            if isinstance(layer, nn.ReLU)
        ]

    def __call__(self, gradient: Tensor, masks: Sequence[Tensor | None] | None = None) -> Tensor:
        """Carry a gradient of the output down to the input.

        Args:
            gradient: G, (draws, *output_shape).
            masks: for each ReLU, bottom first, (draws, *relu_shape) of zeros and ones, broadcastable
                (the dummy ReLU of the 2nd kind), or None for the identity (the 1st kind). None at all:
                the identity for every ReLU.

        Returns:
            D', (draws, *input_shape), differentiable with respect to G and the layers' weights.
        """
        remaining = list(masks) if masks is not None else [None] * len(self.relu_shapes)
        for (_, layer), shape in zip(reversed(self.layers), reversed(self.shapes[:-1]), strict=True):
            if isinstance(layer, nn.ReLU):
                mask = remaining.pop()
                gradient = gradient if mask is None else gradient * mask
            else:
                gradient = RULES[type(layer)](layer, gradient, shape)
        return gradient

    @property
    def window(self) -> int:
        """Height and width of the windows that the chain begins with a pooling of; 1: it does not.

        D' is constant over each of them.
        """
        lowest = self.layers[0][1] if self.layers else None
        if not isinstance(lowest, nn.MaxPool2d | nn.AvgPool2d) or _pair(lowest.padding) != (0, 0):
            return 1
        sizes = {*_pair(lowest.kernel_size), *_pair(lowest.stride)}
        size = sizes.pop()
        fits = not sizes and all(side % size == 0 for side in self.input_shape[-2:])
        return size if fits else 1

    def above_window(self) -> Pullback:
        """The pullback down to the windows: one value for each, w² times what each of its positions gets."""
        if self.window == 1:
            return self
        above = copy.copy(self)
        above.layers, above.shapes = self.layers[1:], self.shapes[1:]
        above.input_shape = above.shapes[0]
        return above


AnyPullback = Pullback | GraphPullback


def alike(student: AnyPullback, teacher: AnyPullback) -> bool:
    """Whether two task modules can share masks by position: their ReLUs have the same shapes."""
    return student.relu_shapes == teacher.relu_shapes


def expect_same_output(student: AnyPullback, teacher: AnyPullback, path: str) -> None:
    """Refuse two task modules that cannot share G.

    Raises:
        DistillError: their outputs differ in shape.
    """
    if student.output_shape != teacher.output_shape:
        raise DistillError(
            f"{path}: the generic task module gives outputs of shape {student.output_shape}, the teacher's "
            f"{teacher.output_shape}; expected the same; give a teacher of the same task"
        )


def expect_alike(student: AnyPullback, teacher: AnyPullback, path: str) -> None:
    """Refuse two task modules that cannot share G and masks by position.

    Raises:
        DistillError: their outputs or their ReLUs differ in shape.
    """
    expect_same_output(student, teacher, path)
    if not alike(student, teacher):
        raise DistillError(
            f"{path}: the generic task module and the teacher's differ in shape ({len(student.relu_shapes)} "
            f"and {len(teacher.relu_shapes)} ReLUs); this method shares masks by position and wants equal "
            "ones; give a teacher of the generic module's architecture, or choose the method auto, "
            "which learns from outputs then, or jacobian with samples"
        )


def _shapes(layers: Sequence[tuple[str, nn.Module]], shape: Shape) -> list[Shape]:
    """The input shape of every layer, then the output's, found with a batch of none: nothing is computed."""
    shapes = [shape]
    like = next((weight for _, layer in layers for weight in layer.parameters()), torch.empty(0))
    value = like.new_empty(0, *shape)
    for name, layer in layers:
        try:
            with torch.no_grad():
                value = layer(value)
        except (RuntimeError, ValueError) as error:
            raise DistillError(
                f"layer '{name}': does not take features of shape {shapes[-1]}; "
                f"expected a chain whose layers fit each other ({error})"
            ) from error
        shapes.append(tuple(value.shape[1:]))
    return shapes
