"""Task modules with a vector output, spread over several positions.

A fully connected layer is a convolution whose kernel covers its whole input. Read that way, a
classifier gives one output per position of a larger input, and a gradient G of S x S outputs pulls
back to larger maps D', which see more of the adapter in one draw.

Source: arXiv:1804.10272, section 3.3 ("an enlarged G_y'") and its appendix.
"""

from __future__ import annotations

from torch import nn

from legonet.blocks.build import leaves
from legonet.distill.pullback import Pullback, Shape
from legonet.errors import DistillError


def convolutional(chain: nn.Sequential, input_shape: Shape) -> nn.Sequential:
    """The same layers with linear ones as convolutions; weights are shared, not copied.

    Args:
        chain: a task module that ends with linear layers.
        input_shape: (channels, height, width) that it takes.

    Returns:
        A chain without flatten that gives (outputs, 1, 1) for an input of that shape.
    """
    shapes = Pullback(chain, input_shape).shapes
    result, window = nn.Sequential(), (1, 1)
    for index, (_, layer) in enumerate(leaves(chain)):
        if isinstance(layer, nn.Flatten):
            window = (shapes[index][-2], shapes[index][-1])
        elif isinstance(layer, nn.AdaptiveAvgPool2d) and shapes[index] == shapes[index + 1]:
            continue
        elif isinstance(layer, nn.Linear):
            conv = nn.Conv2d(1, 1, window, device="meta")
            weight = layer.weight.detach().reshape(layer.out_features, -1, *window)
            conv.in_channels, conv.out_channels = weight.shape[1], weight.shape[0]
            conv.weight, conv.bias = nn.Parameter(weight, requires_grad=False), None
            result.append(conv)
            window = (1, 1)
        else:
            result.append(layer)
    return result


def enlarged_input(chain: nn.Sequential, size: int, input_shape: Shape) -> Shape:
    """The smallest input of a convolutional chain that gives `size` x `size` outputs.

    Raises:
        DistillError: no input does, such as below an adaptive pooling.
    """
    for side in range(1, 64 * size * max(input_shape[1:])):
        try:
            shape = Pullback(chain, (input_shape[0], side, side)).output_shape
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
