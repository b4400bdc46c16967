"""Recurrent layers, each one call."""

from __future__ import annotations

from legonet.ops import nominal
from legonet.ops.pullbacks import POINT, transposed
from legonet.ops.row import rows

ROWS = (*rows("gru.input lstm.input", pull=transposed, nominal=nominal.computed, source=POINT),)
