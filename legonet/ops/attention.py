"""Attention and softmax."""

from __future__ import annotations

from legonet.ops import nominal
from legonet.ops.pullbacks import POINT, transposed
from legonet.ops.row import Row, rows

ROWS = (
    Row(
        "scaled_dot_product_attention",
        transposed,
        nominal.zero,
        f"{POINT}: attention to all alike; Vaswani et al., arXiv:1706.03762",
    ),
    *rows("log_softmax.int softmax.int", pull=transposed, nominal=nominal.computed, source=POINT),
)
