"""Recurrent layers at their nominal point: states, and gradients back through time. Needs torch.

Of a step with gates' inputs a = W x + b and u = V h + c (V, c: recurrent), h the state before it:

    LSTM   i, f, o = σ(a + u), g = tanh(a + u);  c' = f c + i g;  h' = o tanh(c')
    GRU    r, z = σ(a + u), n = tanh(a + r u);   h' = (1 - z) n + z h
    plain  h' = tanh(a + u), or its positive part

Their derivatives depend on the nominal point alone, so that they are factors, worked out once: a gradient
takes one product with V for each step. Where all rows of a batch have one nominal point, one row is enough.

Source: Hochreiter and Schmidhuber, Neural Computation 9(8), 1997; Cho et al., arXiv:1406.1078, as torch has
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.ops.call import Call, Data, Gradient

States = tuple[Tensor, ...]  # h; of an LSTM h and c, each (rows, size)


class Factors(Protocol):
    """A kind of step: what it gives, and by which factors gradients pass it."""

    def step(self, a: Tensor, u: Tensor, states: States) -> tuple[States, tuple[Tensor, ...]]:
        """The states after a step, and its factors.

        Args:
            a: (rows, gates x size), of the features.
            u: Likewise, of the state.
            states: Before it.
        """
        ...

    def pull(
        self, gradients: States, factors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor | None, States]:
        """Gradients of a and u; what goes straight to h, if anything does; and of the other states."""
        ...


class Lstm:
    """Long short-term memory; gates in the order i, f, g, o."""

    def step(self, a: Tensor, u: Tensor, states: States) -> tuple[States, tuple[Tensor, ...]]:
        """See `Factors`."""
        before = states[1]
        i, f, g, o = (a + u).chunk(4, -1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        after = f * before + i * g
        squashed = after.tanh()
        gates = torch.cat(
            [g * i * (1 - i), before * f * (1 - f), i * (1 - g.square()), squashed * o * (1 - o)], -1
        )
        return (o * squashed, after), (o * (1 - squashed.square()), gates, f)

    def pull(
        self, gradients: States, factors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor | None, States]:
        """See `Factors`."""
        h, c = gradients
        to_cell, gates, forget = factors
        c = c + h * to_cell
        found = torch.cat([c, c, c, h], -1) * gates
        return found, found, None, (c * forget,)


class Gru:
    """Gated recurrent unit; gates in the order r, z, n."""

    def step(self, a: Tensor, u: Tensor, states: States) -> tuple[States, tuple[Tensor, ...]]:
        """See `Factors`."""
        (h,) = states
        (r, z, n), (ur, uz, un) = a.chunk(3, -1), u.chunk(3, -1)
        r, z = (r + ur).sigmoid(), (z + uz).sigmoid()
        n = (n + r * un).tanh()
        new = (1 - z) * (1 - n.square())
        gates = [new * un * r * (1 - r), (h - n) * z * (1 - z)]
        return ((1 - z) * n + z * h,), (torch.cat([*gates, new], -1), torch.cat([*gates, new * r], -1), z)

    def pull(
        self, gradients: States, factors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor | None, States]:
        """See `Factors`."""
        (h,) = gradients
        of_a, of_u, kept = factors
        spread = torch.cat([h, h, h], -1)
        return spread * of_a, spread * of_u, h * kept, ()


@dataclass(frozen=True)
class Plain:
    """Tanh, or the positive part."""

    positive: bool

    def step(self, a: Tensor, u: Tensor, states: States) -> tuple[States, tuple[Tensor, ...]]:
        """See `Factors`."""
        h = (a + u).relu() if self.positive else (a + u).tanh()
        return (h,), ((h > 0).to(h) if self.positive else 1 - h.square(),)

    def pull(
        self, gradients: States, factors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor | None, States]:
        """See `Factors`."""
        found = gradients[0] * factors[0]
        return found, found, None, ()


KINDS: Mapping[str, Factors] = {
    "lstm": Lstm(),
    "gru": Gru(),
    "rnn_tanh": Plain(positive=False),
    "rnn_relu": Plain(positive=True),
}


@dataclass(frozen=True)
class Direction:
    """One layer in one direction.

    Attributes:
        kind: Its steps.
        reverse: It begins with the last step.
        inputs: W.
        recurrent: V.
        factors: Of all steps, in the order in which they are computed.
        given: Its results, (steps, rows, size), in the order of the features.
        states: After its last step.
    """

    kind: Factors
    reverse: bool
    inputs: Tensor
    recurrent: Tensor
    factors: list[tuple[Tensor, ...]]
    given: Tensor
    states: States

    @classmethod
    def of(
        cls, kind: Factors, reverse: bool, weights: Sequence[Tensor], features: Tensor, states: States
    ) -> Direction:
        """Compute it: features (steps, rows, size)."""
        inputs, recurrent, *biases = weights
        bias, recurrent_bias = biases or (None, None)
        factors, given = [], []
        for a in _ordered(F.linear(features, inputs, bias), reverse):
            states, factor = kind.step(a, F.linear(states[0], recurrent, recurrent_bias), states)
            factors.append(factor)
            given.append(states[0])
        return cls(kind, reverse, inputs, recurrent, factors, _ordered(torch.stack(given), reverse), states)

    def pull(self, gradient: Tensor, states: States) -> tuple[Tensor, States]:
        """Gradients of the features and of the first states, from those of results and last states."""
        found = []
        for g, factors in zip(
            reversed(_ordered(gradient, self.reverse)), reversed(self.factors), strict=True
        ):
            h, *others = states
            a, u, kept, others = self.kind.pull((h + g, *others), factors)
            h = u @ self.recurrent
            states = (h if kept is None else h + kept, *others)
            found.append(a)
        found.reverse()
        return _ordered(torch.stack(found), self.reverse) @ self.inputs, states


def _ordered(steps: Tensor, reverse: bool) -> Tensor:
    return steps.flip(0) if reverse else steps


class Layers:
    """A recurrent call at its nominal point.

    Args:
        call: Of a recurrent layer, or of a cell, which is one step of one layer.

    Raises:
        NotImplementedError: It has projections, or computes its weights.
    """

    def __init__(self, call: Call) -> None:
        self._kind = KINDS[call.operation.removesuffix(".input").removesuffix("_cell")]
        self._cell = call.operation.endswith("_cell")
        if self._cell:
            weights = [each for each in call.arguments[2:] if each is not None]
            each, layers, directions, self._batch_first = len(weights), 1, 1, False
        else:
            weights, biases, layers, _, _, both, self._batch_first = call.arguments[2:9]
            each, directions = 4 if biases else 2, 1 + both
        if len(weights) != each * layers * directions or any(isinstance(one, Data) for one in weights):
            raise NotImplementedError
        given = call.arguments[1]
        self._given = [call.arguments[0], *(given if isinstance(given, list | tuple) else [given])]
        self._rows = self._given[0].shape[0 if self._cell or self._batch_first else 1]
        with torch.no_grad():
            features, *states = self._points()
            self._directions: list[list[Direction]] = []
            for layer in range(layers):
                row = []
                for number in range(layer * directions, (layer + 1) * directions):
                    own = weights[number * each : (number + 1) * each]
                    begin = tuple(state[number] for state in states)
                    reverse = number % directions == 1
                    row.append(Direction.of(self._kind, reverse, own, features, begin))
                self._directions.append(row)
                features = torch.cat([direction.given for direction in row], -1)
            self._last = features

    def _points(self) -> list[Tensor]:
        """Features (steps, rows, size) and states (directions, rows, size); one row where all are alike."""
        points = [each.value() if isinstance(each, Data) else each for each in self._given]
        if self._cell:
            points = [each.unsqueeze(0) for each in points]
        elif self._batch_first:
            points[0] = points[0].transpose(0, 1)
        alike = all(bool((each == each[:, :1]).all()) for each in points)
        return [each[:, :1] for each in points] if alike else points

    def results(self) -> Any:
        """What the call gives at the nominal point."""
        numbers = range(len(self._given) - 1)
        every = [direction for row in self._directions for direction in row]
        states = [self._wide(torch.stack([each.states[number] for each in every])) for number in numbers]
        if self._cell:
            cells = [each[0] for each in states]
            return cells if len(cells) > 1 else cells[0]
        last = self._wide(self._last)
        return [last.transpose(0, 1) if self._batch_first else last, *states]

    def _wide(self, found: Tensor) -> Tensor:
        """One row stands for all."""
        return found.expand(-1, self._rows, -1)

    def pull(self, gradient: Gradient) -> list[Tensor | None]:
        """Gradients of the features and of the first states, of those that depend on features."""
        arrived = dict(gradient) if isinstance(gradient, Mapping) else {0: gradient}
        like = next(iter(arrived.values()))
        if self._cell:
            arrived = {place + 1: each.unsqueeze(0) for place, each in arrived.items()}
        steps, size = self._last.shape[::2]
        above = arrived.get(0)
        if above is None:
            above = like.new_zeros(steps, self._rows, size)
        elif self._batch_first:
            above = above.transpose(0, 1)
        count = sum(map(len, self._directions))
        last = [
            arrived[each]
            if each in arrived
            else like.new_zeros(count, self._rows, size // len(self._directions[0]))
            for each in range(1, len(self._given))
        ]
        first: list[States] = []
        for row in reversed(self._directions):
            found = [
                direction.pull(part, tuple(each[count - len(row) + number] for each in last))
                for number, (direction, part) in enumerate(zip(row, above.chunk(len(row), -1), strict=True))
            ]
            count -= len(row)
            above, *others = [below for below, _ in found]
            above = sum(others, above)
            first = [states for _, states in found] + first
        return self._of_data(above, [torch.stack(each) for each in zip(*first, strict=True)])

    def _of_data(self, features: Tensor, states: list[Tensor]) -> list[Tensor | None]:
        """As the call has them, without what depends on no feature."""
        if self._batch_first:
            features = features.transpose(0, 1)
        found = [features, *states]
        if self._cell:
            found = [each[0] for each in found]
        return [each for each, given in zip(found, self._given, strict=True) if isinstance(given, Data)]
