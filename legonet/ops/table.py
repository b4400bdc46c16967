"""Every operation that a model may consist of: PyTorch's own (ATen's), without side effects.

None reads a file, draws a random number or calls back into Python; what writes into its argument is replaced
by its pure form when a model is taken in. Importing this needs no torch.
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
    attention,
    recurrence,
    creation,
)

ROWS: dict[str, Row] = {row.name: row for row in chain.from_iterable(each.ROWS for each in _FAMILIES)}
"""By name; `register_operation` replaces rows."""


def register_operation(row: Row) -> None:
    """Say what is known of an operation: add a pullback where there is none, or replace a row.

    Worker processes import the module that calls this, so that it holds there too.

    Args:
        row: Of an operation of ATen that legonet knows by name.

    Raises:
        BlockError: legonet knows no such operation. What it does not know is not read from files, since an
            operation may have side effects.
    """
    if row.name not in ROWS:
        raise BlockError(
            f"operation '{row.name}': not known; expected one of legonet.ops.table.ROWS; correct its name."
            f"{did_you_mean(row.name, ROWS)}"
        )
    ROWS[row.name] = row
    record(f"operation '{row.name}'", sys._getframe(1).f_globals.get("__name__", "__main__"))
