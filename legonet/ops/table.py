"""Every operation that a model may consist of: PyTorch's own (ATen's), without side effects.

None reads a file, draws a random number or calls back into Python; what writes into its argument is replaced
by its pure form when a model is traced. Importing this needs no torch.
"""

from __future__ import annotations

import sys
from itertools import chain

from legonet.errors import BlockError
from legonet.graph.suggest import did_you_mean
from legonet.ops import (
    attention,
    convolution,
    creation,
    elementwise,
    linear,
    normalisation,
    pooling,
    rectifiers,
    recurrence,
    resampling,
    reshaping,
)
from legonet.ops.row import Row
from legonet.registration import record

_FAMILIES = (
    convolution,
    linear,
    pooling,
    rectifiers,
    normalisation,
    elementwise,
    reshaping,
    resampling,
    attention,
    recurrence,
    creation,
)

ROWS: dict[str, Row] = {row.name: row for row in chain.from_iterable(each.ROWS for each in _FAMILIES)}
"""By name; `register_operation` replaces rows."""


def row_of(operation: str) -> Row | None:
    """What is known of an operation, which may be a form that overwrites its argument; None: nothing."""
    return ROWS.get(operation) or ROWS.get(operation.removesuffix("_"))


def is_placed(operation: str) -> bool:
    """Whether an operation takes no tensor, so that it has to be given a device."""
    row = row_of(operation)
    return row is not None and row.placed


def register_operation(row: Row) -> None:
    """Add an operation of ATen, or replace what is known of one.

    Models with it can be traced and read from files from then on. Worker processes import the module that
    calls this, so that it holds there too.

    Args:
        row: All that is known of the operation.

    Raises:
        BlockError: ATen has no such operation, or it is no function of tensors: it writes into them, draws
            random numbers, or takes none, as what reads files.
    """
    if row.name not in ROWS and not _is_function(row.name):
        raise BlockError(
            f"operation '{row.name}': not known; expected one of ATen's that is a function of tensors "
            f"without side effects; correct its name.{did_you_mean(row.name, ROWS)}"
        )
    ROWS[row.name] = row
    record(f"operation '{row.name}'", sys._getframe(1).f_globals.get("__name__", "__main__"))


def _is_function(name: str) -> bool:
    """Whether ATen has an operation of this name that is a function of tensors."""
    import torch

    packet, _, form = name.partition(".")
    found = getattr(getattr(torch.ops.aten, packet, None), form or "default", None)
    if found is None or found._schema.is_mutable or torch.Tag.nondeterministic_seeded in found.tags:
        return False
    return any("Tensor" in str(each.type) for each in found._schema.arguments)
