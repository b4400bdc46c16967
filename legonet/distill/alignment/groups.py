"""Permutation groups: which units of a model may change places.

Units are alike if the same tensors have as many places for them, the same operations take them equally often
and join them in the same way, they move with the same block, and the units that move with them are alike.
Alike units may change places, as long as all their numbers do: the model computes the same. A block, such as
a head, takes its members along, which may change places among themselves too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legonet.distill.alignment.walk import Labelled
from legonet.ops.labels import INVARIANT, Units

Ints = NDArray[np.int64]
Order = Tensor
"""For each unit, the one whose numbers come into its place."""


@dataclass(frozen=True)
class Unit:
    """A unit and what moves with it.

    Attributes:
        number: Of the unit.
        groups: Units that move with it, and may change places within each group.
    """

    number: int
    groups: tuple[Group, ...] = ()

    def family(self) -> Iterator[int]:
        """Its own number and those of all that move with it."""
        yield self.number
        for group in self.groups:
            yield from group.members()


@dataclass(frozen=True)
class Group:
    """Units that may change places.

    Attributes:
        kind: Units of one kind have the same places in all tensors.
        units: Alike, in order.
    """

    kind: int
    units: tuple[Unit, ...]

    def members(self) -> Iterator[int]:
        """The numbers of its units and of all that move with them."""
        for unit in self.units:
            yield from unit.family()

    def kinds(self) -> Iterator[tuple[int, int]]:
        """The number and the kind of each member."""
        for unit in self.units:
            yield unit.number, self.kind
            for group in unit.groups:
                yield from group.kinds()


@dataclass(frozen=True)
class Groups:
    """The permutation groups of a model.

    Attributes:
        roots: Groups of units that move with no other, bottom first.
        unit_of: The unit's number for each label.
        rank_of: For each label, which of its unit's labels it is.
        free: Only weights take the input's units: any mixing of them is the weights' affair.
        channels: Labels of the input's channels.
    """

    roots: tuple[Group, ...]
    unit_of: Tensor
    rank_of: Tensor
    free: bool
    channels: Tensor

    @property
    def count(self) -> int:
        """How many units there are."""
        return int(self.unit_of.max()) + 1

    def places(self, labels: Tensor) -> Tensor:
        """The places of an axis, those of each unit together, always in the same order."""
        places = self.rank_of[labels].sort(stable=True).indices
        return places[self.unit_of[labels[places]].sort(stable=True).indices]

    def slots(self, labels: Tensor, order: Order) -> Tensor:
        """For each place of an axis, the place whose numbers come into it.

        Args:
            labels: Of the places.
            order: Of all units.
        """
        units, places = self.unit_of[labels], self.places(labels)
        first = torch.searchsorted(units[places], torch.arange(len(order)))
        number = torch.empty_like(places)
        number[places] = torch.arange(len(places)) - first[units[places]]
        return places[first[order[units]] + number]


def permutation_groups(found: Labelled) -> Groups:
    """Find the permutation groups of a model whose units are labelled."""
    merged = _Merged(found.units)
    free = _is_free(found.units, merged, found.channels)
    if free:
        merged.pinned[merged.unit_of[found.channels.numpy()]] = True
    ranks, looks = _appearance(found.units, merged)
    roots = _tree(merged, looks)
    return Groups(roots, torch.from_numpy(merged.unit_of), torch.from_numpy(ranks), free, found.channels)


class _Merged:
    """Units by number: labels that are equal are one; each is in one block at most."""

    def __init__(self, units: Units) -> None:
        self._pairs = [each.numpy() for each in units.pairs]
        self._count = units.count
        self._pinned = [np.array([INVARIANT]), *(each.numpy() for each in units.pinned)]
        blocks = [each.numpy() for each in units.blocks if len(each)]
        self._merge()
        while True:
            kept = [each for each in blocks if not self._settled(each)]
            parents = self._parents(kept)
            joined = [
                (each, min(several)) for several in parents.values() if len(several) > 1 for each in several
            ]
            if not joined and len(kept) == len(blocks):
                break
            if joined:
                labels = np.unique(self.unit_of, return_index=True)[1]
                self._pairs.append(labels[np.array(joined)])
                self._merge()
            blocks = kept
        self.block_of = {member: next(iter(several)) for member, several in parents.items()}
        self._pin_blocks()

    def _merge(self) -> None:
        from scipy.sparse import coo_array  # slow to import, and few fits need an alignment
        from scipy.sparse.csgraph import connected_components

        pairs = np.concatenate([np.zeros((0, 2), np.int64), *self._pairs])
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (self._count, self._count))
        _, found = connected_components(graph, directed=False)
        _, first, place = np.unique(found, return_index=True, return_inverse=True)
        self.unit_of: Ints = np.argsort(np.argsort(first))[place.flatten()]  # numbered as they come up

    def _settled(self, relation: Ints) -> bool:
        """Whether members and blocks of an operation say nothing more: one block, or blocks that overlap."""
        members: dict[int, set[int]] = defaultdict(set)
        for member, block in self.unit_of[relation]:
            members[block].add(member)
        by_label: dict[int, set[int]] = defaultdict(set)
        for label, member in zip(relation[:, 1], self.unit_of[relation[:, 0]], strict=True):
            by_label[label].add(member)
        if len({frozenset(each) for each in by_label.values()}) == 1:
            self._pairs.append(np.stack([relation[:, 1], np.full(len(relation), relation[0, 1])], 1))
            self._merge()
            return True
        torn = any(by_label[label] != members[self.unit_of[label]] for label in by_label)
        if torn or any(block in inside for block, inside in members.items()):
            self._pinned.append(relation.flatten())
            return True
        return False

    def _parents(self, blocks: list[Ints]) -> dict[int, set[int]]:
        parents: dict[int, set[int]] = defaultdict(set)
        for relation in blocks:
            for member, block in np.unique(self.unit_of[relation], axis=0):
                parents[int(member)].add(int(block))
        return parents

    def _pin_blocks(self) -> None:
        """A block stays where one of its members does."""
        self.pinned = np.zeros(self.unit_of.max() + 1, bool)
        self.pinned[self.unit_of[np.concatenate(self._pinned)]] = True
        changed = True
        while changed:
            changed = False
            for member, block in self.block_of.items():
                if self.pinned[member] and not self.pinned[block]:
                    self.pinned[block] = changed = True


def _is_free(units: Units, merged: _Merged, channels: Tensor) -> bool:
    """Whether the input's units are taken by weights alone, as inputs, and keep their own company."""
    mine = merged.unit_of[channels.numpy()]
    if merged.pinned[mine].any() or any(int(each) in merged.block_of for each in mine):
        return False
    others = [weight.outputs for weight in units.weights.values()]
    others += [each.inputs for each in units.weights.values() if each.inputs is not None and each.groups > 1]
    return not any(np.isin(merged.unit_of[each.numpy()], mine).any() for each in others)


def _appearance(units: Units, merged: _Merged) -> tuple[Ints, NDArray[np.uint64]]:
    """Where units are, and how their labels hang together.

    Returns:
        For each label its rank among its unit's labels; for each unit a number, the same for units that are
        in the same places equally often and whose labels of the same ranks the same operations join.
    """
    labels = np.zeros(units.count, np.uint64)
    sides = [side.unique(return_counts=True) for each in units.weights.values() for side in each.sides()]
    for place, (found, counts) in enumerate([*sides, *units.uses]):
        labels[found.numpy()] += _mixed(place, counts.numpy())
    order = np.lexsort((labels, merged.unit_of))
    counts = np.bincount(merged.unit_of)
    ranks = np.empty(units.count, np.int64)
    ranks[order] = np.arange(units.count) - np.repeat(np.cumsum(counts) - counts, counts)
    looks = np.zeros(len(counts), np.uint64)
    np.add.at(looks, merged.unit_of, _mixed(labels, ranks))
    for relation, pairs in enumerate(each.numpy() for each in (*units.pairs, *units.blocks)):
        joined = _mixed(_mixed(relation, ranks[pairs[:, 0]]), ranks[pairs[:, 1]])
        for side in (0, 1):
            np.add.at(looks, merged.unit_of[pairs[:, side]], _mixed(side, joined))
    return ranks, looks


def _mixed(first: int | Ints | NDArray[np.uint64], second: Ints | NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One number of two, nearly always another one.

    Source: Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014 (SplitMix64).
    """
    value = np.atleast_1d(np.asarray(first, np.uint64)) * np.uint64(0x9E3779B97F4A7C15) + np.asarray(
        second, np.uint64
    )
    value = (value + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _tree(merged: _Merged, looks: NDArray[np.uint64]) -> tuple[Group, ...]:
    members: dict[int, list[int]] = defaultdict(list)
    for member, block in sorted(merged.block_of.items()):
        members[block].append(member)
    kinds: dict[object, int] = {}
    made: dict[int, tuple[Unit, int]] = {}

    def unit(number: int, above: frozenset[int] = frozenset()) -> tuple[Unit, int]:
        """A unit, and its kind."""
        if number not in made:
            moving = [each for each in members[number] if each not in above and not merged.pinned[each]]
            groups = _grouped(moving, lambda each: unit(each, above | {number}))
            moving_with = [(group.kind, len(group.units)) for group in groups]
            fixed = number if merged.pinned[number] else None
            kind = (int(looks[number]), tuple(moving_with), fixed)
            made[number] = Unit(number, groups), kinds.setdefault(kind, len(kinds))
        return made[number]

    tops = [
        each
        for each in range(len(merged.pinned))
        if each not in merged.block_of and (not merged.pinned[each] or members[each])
    ]
    tops += [each for each in merged.block_of if merged.pinned[each] and members[each]]
    groups = _grouped(sorted(tops), unit)
    return tuple(each for each in groups if len(each.units) > 1 or any(unit.groups for unit in each.units))


def _grouped(numbers: list[int], unit: Callable[[int], tuple[Unit, int]]) -> tuple[Group, ...]:
    """Units by their kinds, in the order in which these come up."""
    groups: dict[int, list[Unit]] = defaultdict(list)
    for number in numbers:
        found, kind = unit(number)
        groups[kind].append(found)
    return tuple(Group(kind, tuple(units)) for kind, units in groups.items())
