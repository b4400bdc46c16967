"""Recurrent layers, each one call however many steps it takes; and their cells."""

from __future__ import annotations

from legonet.ops import nominal
from legonet.ops.pullbacks import POINT, transposed
from legonet.ops.row import rows

ROWS = rows(
    "gru.input gru_cell lstm.input lstm_cell rnn_relu.input rnn_relu_cell rnn_tanh.input rnn_tanh_cell",
    pull=transposed,
    nominal=nominal.computed,
    source=POINT,
)
