"""What makes a tensor of its own."""

from __future__ import annotations

from legonet.ops import nominal
from legonet.ops.pullbacks import transposed
from legonet.ops.row import rows

PLACED = frozenset(
    ["arange", "arange.start", "arange.start_step", "full", "linspace", "ones", "scalar_tensor", "zeros"]
)
"""Those that take no tensor, so that they have to be given a device."""

ROWS = (
    *rows(
        "fill.Scalar fill.Tensor full_like new_full new_ones new_zeros ones_like zero zeros_like",
        pull=transposed,
        nominal=nominal.computed,
        source="depends on no value",
    ),
    *rows(sorted(PLACED)),
)
