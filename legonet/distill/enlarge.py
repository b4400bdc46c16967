"""Task modules with a vector output, spread over several positions.

A fully connected layer is a convolution whose kernel covers its whole input. Read that way, a
classifier gives one output per position of a larger input, and a gradient G of S x S outputs pulls
back to larger maps D', which see more of the adapter in one draw.

Source: arXiv:1804.10272, section 3.3 ("an enlarged G_y'") and its appendix.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor

from legonet.distill.pullback import Pullback, Shape
from legonet.errors import DistillError
from legonet.ir.cuts import following
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec, renamed
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.ir.sizes import shapes_of
from legonet.ops.table import ROWS


def convolutional(module: GraphModule, input_shape: Shape) -> GraphModule:
    """The same model with linear layers as convolutions; weights are shared, not copied, offsets left out.

    Args:
        module: A task module that ends with linear layers.
        input_shape: (channels, height, width) that it takes.

    Returns:
        A module without flatten that gives (outputs, 1, 1) for an input of that shape.

    Raises:
        DistillError: What stands on vectors cannot be read as standing on maps, such as attention.
    """
    return _Spread(module, input_shape).module()


class _Spread:
    """Rewrites operations on vectors as operations on maps of one position."""

    def __init__(self, module: GraphModule, input_shape: Shape) -> None:
        self._module, self._graph = module, module.graph
        self._shapes = shapes_of(module.graph, input_shape)
        self._steps: dict[str, Operation] = {}
        self._tensors: dict[str, Tensor] = {}
        # What each result has become, and the window of a map that it was flattened from.
        self._sources: dict[str, str] = {INPUT: INPUT}
        self._windows: dict[str, tuple[int, int]] = {}

    def module(self) -> GraphModule:
        path = set(following(self._graph))
        for name, step in self._graph.steps.items():
            self._take(step, name in path)
        used = {tensor for step in self._steps.values() for tensor in step.tensors()}
        tensors = {**self._module.state_dict(), **self._tensors}
        specs = {name: TensorSpec(tuple(tensors[name].shape)) for name in tensors if name in used}
        graph = ModelGraph(self._steps, self._sources[self._graph.output], specs)
        return with_tensors(graph, tensors)

    def _take(self, step: Operation, follows: bool) -> None:
        below = next(iter(step.references()), INPUT)
        shape, gives = self._shapes.get(below, ()), self._shapes.get(step.name, ())
        if follows and step.function == "linear" and len(shape) == 1:
            self._convolution(step, below)
        elif follows and len(shape) == 3 and _flattens(shape, gives):
            self._drop(step, below)
            self._windows[step.name] = (shape[1], shape[2])
        elif follows and len(shape) == 3 and _is_pooling(step):
            self._pooling(step, below, shape, gives)
        elif not follows or len(gives) == 3 or _is_elementwise(step):
            self._keep(step)
            self._windows[step.name] = self._windows.get(below, (1, 1))
        else:
            raise DistillError(
                f"enlarge: {step.name}: operation '{step.function}' cannot be read as one on maps; expected "
                "convolutions, poolings and linear layers; set enlarge to 1"
            )

    def _keep(self, step: Operation) -> None:
        for reference in set(step.references()):
            step = renamed(step, reference, self._sources[reference])
        self._steps[step.name] = step
        self._sources[step.name] = step.name

    def _drop(self, step: Operation, below: str) -> None:
        self._sources[step.name] = self._sources[below]

    def _convolution(self, step: Operation, below: str) -> None:
        window = self._windows.get(below, (1, 1))
        (weight, *_) = step.tensors()
        matrix = self._module.tensor(weight).detach()
        self._tensors[weight] = matrix.reshape(len(matrix), -1, *window)
        arguments = ({"ref": self._sources[below]}, {"tensor": weight})
        self._steps[step.name] = replace(step, function="conv2d", arguments=arguments, keywords={})
        self._sources[step.name] = step.name

    def _pooling(self, step: Operation, below: str, shape: Shape, gives: Shape) -> None:
        """A mean over all, or over windows that follow the size, as one over windows of a fixed size."""
        size = gives[1:] if len(gives) == 3 else (1, 1)
        if shape[1:] == size:
            self._drop(step, below)
            return
        if any(side % out for side, out in zip(shape[1:], size, strict=True)):
            raise DistillError(
                f"enlarge: {step.name}: windows of several sizes, from {shape[1:]} to {size}; expected "
                "windows of one size; set enlarge to 1"
            )
        kernel = [side // out for side, out in zip(shape[1:], size, strict=True)]
        stride = [1 if out == 1 else side for side, out in zip(kernel, size, strict=True)]
        arguments: tuple[Any, ...] = ({"ref": self._sources[below]}, kernel, stride)
        self._steps[step.name] = replace(step, function="avg_pool2d", arguments=arguments, keywords={})
        self._sources[step.name] = step.name


def _flattens(shape: Shape, gives: Shape) -> bool:
    return len(gives) == 1 and gives[0] == shape[0] * shape[1] * shape[2]


def _is_pooling(step: Operation) -> bool:
    if step.function == "adaptive_avg_pool2d":
        return True
    axes = step.argument(1, None, "dim")
    return (
        step.function == "mean.dim" and isinstance(axes, list) and sorted(each % 4 for each in axes) == [2, 3]
    )


def _is_elementwise(step: Operation) -> bool:
    return ROWS[step.function].per_channel and not any(True for _ in step.tensors())


def enlarged_input(module: GraphModule, size: int, input_shape: Shape) -> Shape:
    """The smallest input of a convolutional module that gives `size` x `size` outputs.

    Raises:
        DistillError: No input does.
    """
    for side in range(1, 64 * size * max(input_shape[1:])):
        try:
            shape = Pullback(module, (input_shape[0], side, side)).output_shape
        except DistillError:
            continue
        if shape[-2:] == (size, size):
            return (input_shape[0], side, side)
        if shape[-1] > size:
            break
    raise DistillError(
        f"enlarge: no input gives {size} x {size} outputs; expected convolutions, poolings and "
        "linear layers; set enlarge to 1"
    )
