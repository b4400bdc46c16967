"""Recurrent layers, each one call however many steps it takes; and their cells.

What a layer is called with, as ATen has it: features (steps, batch, size), or (batch, steps, size) where it
is batch first; the state that it begins with; the weights of each layer and direction, two matrices and two
biases each; whether there are biases; layers; dropout; training; both directions; batch first.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from legonet.ops import nominal
from legonet.ops.call import Call, Gradient, Shape
from legonet.ops.pullbacks import POINT, learns, transposed
from legonet.ops.row import rows
from legonet.ops.shapes import extents, show_shape

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.ops.frames import Layers

LAYERS = ("gru.input", "lstm.input", "rnn_relu.input", "rnn_tanh.input")
"""Those that compute all steps."""


def states_of(call: Call) -> list[Any]:
    """The states that a call begins with: one, or of an LSTM two."""
    given = call.arguments[1]
    return list(given) if isinstance(given, list | tuple) else [given]


def _layer_shape(call: Call) -> list[Shape]:
    """Of the result of each step, and of the states after the last."""
    data, states = call.arguments[0].shape, [each.shape for each in states_of(call)]
    weights = [each.shape for each in extents(call.arguments[2]) if len(each.shape) == 2]
    layers, directions, batch_first = call.arguments[4], 1 + call.arguments[7], call.arguments[8]
    batch = data[0 if batch_first else 1]
    if len(data) != 3 or data[2] != weights[0][1]:
        raise ValueError(f"its input is {show_shape(data)}; expected {weights[0][1]} numbers for each step")
    for state in states:
        if len(state) != 3 or state[:2] != (layers * directions, batch):
            raise ValueError(f"its first state is {show_shape(state)}")
    return [(*data[:2], directions * states[0][2]), *states]


def _layer_flops(call: Call, shape: Shape) -> int:
    """Of every weight, once for each step."""
    return 2 * prod(shape[:2]) * _weights(call.arguments[2])


def _cell_shape(call: Call) -> Shape | list[Shape]:
    """Of the states."""
    (rows, takes), states = call.arguments[0].shape, [each.shape for each in states_of(call)]
    if takes != call.arguments[2].shape[1] or any(len(each) != 2 or each[0] != rows for each in states):
        raise ValueError(
            f"it takes {call.arguments[2].shape[1]} numbers, and as many states as there are rows"
        )
    return states if isinstance(call.arguments[1], list | tuple) else states[0]


def _cell_flops(call: Call, shape: Shape) -> int:
    return 2 * shape[0] * _weights(call.arguments[2:4])


def _weights(arguments: Any) -> int:
    return sum(prod(each.shape) for each in extents(arguments) if len(each.shape) == 2)


def _pulled(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """All steps from the last to the first, at states and gates that are worked out once.

    With projections, and where a weight or a state is learned, by automatic differentiation.
    """
    layers = None if learns(call, gradient) else _layers(call)
    return transposed(call, gradient) if layers is None else layers.pull(gradient)


def _nominal(call: Call) -> Any:
    layers = _layers(call)
    return nominal.computed(call) if layers is None else layers.results()


def _layers(call: Call) -> Layers | None:
    """What is known of a call at its nominal point; None where automatic differentiation has to do."""
    if "layers" not in call.known:
        from legonet.ops.frames import Layers

        try:
            call.known["layers"] = Layers(call)
        except NotImplementedError:
            call.known["layers"] = None
    return call.known["layers"]


_SOURCE = f"{POINT}, by backpropagation through time; Werbos, Proc. IEEE 78(10), 1990"
ROWS = (
    *rows(LAYERS, pull=_pulled, nominal=_nominal, source=_SOURCE, shape=_layer_shape, flops=_layer_flops),
    *rows(
        "gru_cell lstm_cell rnn_relu_cell rnn_tanh_cell",
        pull=_pulled,
        nominal=_nominal,
        source=_SOURCE,
        shape=_cell_shape,
        flops=_cell_flops,
    ),
)
