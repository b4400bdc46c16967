"""What makes a tensor of its own."""

from __future__ import annotations

from typing import Any

from legonet.ops import nominal
from legonet.ops.pullbacks import transposed
from legonet.ops.row import rows
from legonet.ops.spelling import TORCH

_FILLED: dict[str, Any] = {
    "pull": transposed,
    "nominal": nominal.computed,
    "source": "depends on no value",
}

ROWS = (
    *rows("full_like ones_like zeros_like", **_FILLED, python=TORCH),
    *rows("fill.Scalar fill.Tensor new_full new_ones new_zeros zero", **_FILLED),
    *rows(
        "arange arange.start arange.start_step full linspace ones scalar_tensor zeros",
        placed=True,
        python=TORCH,
    ),
)
