"""What goes into a module's rectifiers, whatever the module is. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from legonet.blocks.build import leaves
from legonet.blocks.interpret import OperationModule
from legonet.blocks.joints import rectifiers
from legonet.blocks.operations import Operation
from legonet.blocks.weights import Loaded


def observed(module: Loaded, features: Tensor, see: Callable[[Tensor], None]) -> Tensor:
    """Compute a module's output and show what goes into its rectifiers: ReLUs and their like.

    Args:
        module: A chain of layers, or a graph of operations.
        features: (batch, …).
        see: Told the input of each, bottom first; a unit is active where it is greater than 0.

    Returns:
        The output.
    """
    if isinstance(module, OperationModule):
        wanted, batch = set(rectifiers(module.operations)), len(features)

        def watch(step: Operation, arguments: list[Any], keywords: dict[str, Any]) -> None:
            if step.name in wanted:
                units = arguments[0]
                # One image may be several rows, such as its windows.
                see(units if len(units) == batch else units.reshape(batch, -1, *units.shape[1:]))

        return module.run(features, watch)
    for _, layer in leaves(module):
        if isinstance(layer, nn.ReLU):
            see(features)
        features = layer(features)
    return features
