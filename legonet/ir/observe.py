"""What goes into a module's rectifiers. Needs torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from legonet.ir.cuts import rectifiers
from legonet.ir.graph import Operation
from legonet.ir.interpreter import GraphModule


def observed(module: GraphModule, features: Tensor, see: Callable[[Tensor], None]) -> Tensor:
    """Compute a module's output and show what goes into its rectifiers: ReLUs and their like.

    Args:
        module: Any.
        features: (batch, …).
        see: Called with the input of each, bottom first; a unit is active where it is greater than 0.

    Returns:
        The output.
    """
    wanted, batch = set(rectifiers(module.graph)), len(features)

    def watch(step: Operation, arguments: list[Any], keywords: dict[str, Any]) -> None:
        if step.name in wanted:
            units = arguments[0]
            # One image may be several rows, such as its windows.
            see(units if len(units) == batch else units.reshape(batch, -1, *units.shape[1:]))

    return module.run(features, watch)
