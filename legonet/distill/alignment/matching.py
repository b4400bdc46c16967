"""Weight matching: orders of one module's hidden units that make its weights most like another's.

One permutation group at a time, bottom first, until none changes:

    max over P   Σ ⟨ W_S , P W_T Qᵀ ⟩

over the weights that have places for the group, given the orders Q of the others, is a linear assignment.
Units that move with a block are assigned for each pair of blocks, then the blocks by what that gives.

Where only weights take the input, its order is free, as is any mixing of its channels: they are the adapter's
business. Those weights are compared after their inputs were mixed by least squares, W_S ≈ P W_T M, and in the
first sweep, when P is not known, by each unit's k² x k² Gram matrix over the input channels, which no
orthogonal M changes. In that sweep a group may have no weight yet whose other axis is in order; then its
units are compared by their sorted numbers.

Source: Ainsworth, Hayase, Srinivasa: Git Re-Basin, arXiv:2209.04836, section 3.2, algorithm 1; blocks, the
free input and the first sweep are legonet's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legonet.distill.alignment.groups import Group, Groups, Order, Unit
from legonet.distill.alignment.permute import Symmetry
from legonet.ops.labels import Weight

SWEEPS = 20  # at most; it ends when no order changes

Values = NDArray[np.float64]
Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class _Side:
    """An axis of a weight.

    Attributes:
        weight: The weight.
        rows: It is the rows' axis, else the columns'.
    """

    weight: Weight
    rows: bool

    @property
    def labels(self) -> Tensor:
        """Of the places of the axis."""
        return self.weight.sides()[0 if self.rows else 1]

    @property
    def across(self) -> Tensor | None:
        """Labels of the places of the other axis, if there is one."""
        return self.weight.inputs if self.rows else self.weight.outputs

    def numbers(self, matrix: Tensor) -> Tensor:
        """(places, others, positions): the numbers of each place."""
        if self.rows:
            return matrix
        parts = matrix.reshape(self.weight.groups, -1, *matrix.shape[1:])
        return parts.transpose(1, 2).flatten(0, 1)


class Matching:
    """Coordinate ascent over permutation groups.

    Args:
        symmetry: Of the module whose units move.
        ours: Its weights as matrices, by name, in float64.
        wanted: The reference's, by the same names.
    """

    def __init__(self, symmetry: Symmetry, ours: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
        self._symmetry, self._groups, self._weights = symmetry, symmetry.groups, symmetry.weights
        self._ours, self._wanted = dict(ours), wanted
        self._order = symmetry.identity()
        self._free = self._units(self._groups.channels) if self._groups.free else set()
        self._known = set(range(self._groups.count)) - {
            each for group in self._groups.roots for each in group.members()
        }
        self._sides: dict[int, list[_Side]] = defaultdict(list)
        for weight in self._weights.values():
            for side in (_Side(weight, rows) for rows in (True, False)[: len(weight.sides())]):
                for unit in () if weight.recorded else self._units(side.labels):
                    self._sides[unit].append(side)

    def _units(self, labels: Tensor) -> set[int]:
        return set(self._groups.unit_of[labels].tolist())

    def run(self) -> Order:
        """The order that is found."""
        for sweep in range(SWEEPS):
            changed = [self._improve(group, blind=sweep == 0) for group in self._groups.roots]
            if not any(changed):
                break
        return self._order

    def similarity(self) -> float:
        """Cosine of all matrices to the reference's, but for those that take a free input."""
        names = [
            name
            for name, weight in self._weights.items()
            if weight.inputs is not None and self._free.isdisjoint(self._units(weight.inputs))
        ]
        if not names:
            return 0.0
        mine, theirs = (
            torch.cat([side[name].flatten() for name in names]) for side in (self._ours, self._wanted)
        )
        return float(torch.nn.functional.cosine_similarity(mine, theirs, dim=0))

    def _improve(self, group: Group, blind: bool) -> bool:
        """Put a group and what moves with it in the order that is best; whether that is a change."""
        kinds: dict[int, list[int]] = defaultdict(list)
        for number, kind in group.kinds():
            kinds[kind].append(number)
        likeness = {kind: self._likeness(numbers, blind) for kind, numbers in kinds.items()}
        place = {number: at for numbers in kinds.values() for at, number in enumerate(numbers)}
        self._known.update(group.members())
        value, pairs = _Assignment(likeness, place).best(group, group)
        if value <= sum(float(each.trace()) for each in likeness.values()) * (1 + 1e-12) and not blind:
            return False
        order = torch.arange(len(self._order))
        here, source = (torch.tensor(each) for each in zip(*pairs, strict=True))
        order[here] = source
        if torch.equal(here, source):
            return False
        self._order = self._order[order]
        names = {side.weight.name for number in here.tolist() for side in self._sides[number]}
        for name in names:
            self._ours[name] = self._symmetry.permuted_matrix(self._weights[name], self._ours[name], order)
        return True

    def _likeness(self, units: list[int], blind: bool) -> Values:
        """How much unit i of the reference is like unit j of ours, (units, units), of one kind."""
        total = torch.zeros(len(units), len(units), dtype=torch.float64)
        guesses = []
        informed = False
        for side in self._sides[units[0]]:
            at = _places(self._groups, side.labels, units)
            mine, theirs = (side.numbers(each[side.weight.name]) for each in (self._ours, self._wanted))
            across = None if side.across is None else self._units(side.across)
            if across is not None and not self._free.isdisjoint(across):
                mine, theirs = self._unmixed(mine, theirs, blind)
                informed = True
            elif across is not None and not across <= self._known:
                guesses.append((at, mine, theirs))
                continue
            elif across is not None:
                informed = True
            total += _products(theirs, mine, at)
        for at, mine, theirs in [] if informed else guesses:
            total += _products(theirs.sort(1).values, mine.sort(1).values, at)
        return total.numpy()

    def _unmixed(self, mine: Tensor, theirs: Tensor, blind: bool) -> tuple[Tensor, Tensor]:
        """Numbers of a weight with a free input, comparable."""
        if blind:
            return _gram(mine), _gram(theirs)
        takers = [
            name
            for name, each in self._weights.items()
            if each.inputs is not None
            and not self._free.isdisjoint(self._units(each.inputs))
            and self._ours[name].shape[1] == mine.shape[1]  # others take more besides, as dense blocks do
        ]
        ours, wanted = (
            torch.cat([side[name].transpose(1, 2).flatten(0, 1) for name in takers])
            for side in (self._ours, self._wanted)
        )
        mixing = torch.linalg.lstsq(ours, wanted, driver="gelsd").solution
        return torch.einsum("oik,ij->ojk", mine, mixing), theirs


class _Assignment:
    """Linear assignments of units and of what moves with them.

    Args:
        likeness: For each kind of units, of each of the reference's to each of ours.
        place: Of each unit among those of its kind.
    """

    def __init__(self, likeness: Mapping[int, Values], place: Mapping[int, int]) -> None:
        from scipy.optimize import linear_sum_assignment  # slow to import, and few fits need an alignment

        self._likeness = likeness
        self._place = place
        self._solve = linear_sum_assignment

    def best(self, group: Group, source: Group) -> tuple[float, Pairs]:
        """Which units of a group come into the places of another, and how alike they are then."""
        rows, columns = ([self._place[unit.number] for unit in each.units] for each in (group, source))
        values = self._likeness[group.kind][np.ix_(rows, columns)]
        inner: dict[tuple[int, int], Pairs] = {}
        if group.units[0].groups:
            values = values.copy()
            for i, unit in enumerate(group.units):
                for j, other in enumerate(source.units):
                    value, inner[i, j] = self._moving(unit, other)
                    values[i, j] += value
        chosen = list(zip(*self._solve(values, maximize=True), strict=True))
        pairs = [(group.units[i].number, source.units[j].number) for i, j in chosen]
        pairs += [pair for i, j in chosen for pair in inner.get((i, j), ())]
        return float(sum(values[i, j] for i, j in chosen)), pairs

    def _moving(self, unit: Unit, other: Unit) -> tuple[float, Pairs]:
        found = [self.best(*each) for each in zip(unit.groups, other.groups, strict=True)]
        return sum(value for value, _ in found), [pair for _, pairs in found for pair in pairs]


def _places(groups: Groups, labels: Tensor, wanted: list[int]) -> Tensor:
    """(wanted, places): where units have their places on an axis."""
    places, units = groups.places(labels), torch.tensor(wanted)
    chosen = places[torch.isin(groups.unit_of[labels[places]], units)]
    return chosen.reshape(len(wanted), -1)[units.argsort().argsort()]


def _products(theirs: Tensor, mine: Tensor, at: Tensor) -> Tensor:
    first, second = (each[at.to(each.device)].flatten(1) for each in (theirs, mine))
    return (first @ second.T).cpu()


def _gram(weight: Tensor) -> Tensor:
    """Each unit's Gram matrix over its input channels, as a unit vector times the unit's norm."""
    gram = (weight.transpose(1, 2) @ weight).flatten(1)
    norm = weight.flatten(1).norm(dim=1, keepdim=True)
    return gram / gram.norm(dim=1, keepdim=True).clamp_min(1e-12) * norm
