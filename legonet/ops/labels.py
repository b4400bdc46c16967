"""Which units the numbers of a model belong to, as labels.

A unit is what may change its place: a channel, a dimension of a token, a head. Each number that a model
computes, and each place of a weight's axes, has the label of its unit. Operations say three things of units:

    equal    two labels are one unit, such as the channels of two results that are added
    within   units move with their block, such as the dimensions of an attention head with the head
    pinned   a unit keeps its place, as at the output

Needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor

from legonet.ops.call import Call

INVARIANT = 0
"""The label of numbers that no reordering changes, such as a mean over all units."""


@dataclass(frozen=True)
class Labels:
    """A result that depends on units.

    Attributes:
        units: The label of each of its numbers, for one image.
        repeated: Axes along which it is one number, repeated.
    """

    units: Tensor
    repeated: frozenset[int] = frozenset()

    @property
    def plain(self) -> Tensor:
        """The labels, with repeated axes of size 1."""
        axes = enumerate(self.units.shape)
        return self.units[tuple(slice(0, 1 if axis in self.repeated else size) for axis, size in axes)]


@dataclass(frozen=True)
class Parameter:
    """A tensor of the model, as an argument."""

    name: str
    value: Tensor

    @property
    def moves(self) -> bool:
        """Whether its numbers can belong to units; whole numbers, such as indices, are constants."""
        return self.value.is_floating_point()


@dataclass(frozen=True)
class Weight:
    """Which units the axes of a tensor belong to.

    Attributes:
        name: The tensor's name.
        outputs: A label for each of its rows.
        inputs: A label for each of its columns, over all groups; None for a tensor without, such as a bias.
        groups: The number of groups of a convolution.
        transposed: The columns are the first axis.
        recorded: It holds running statistics, which are not compared.
    """

    name: str
    outputs: Tensor
    inputs: Tensor | None = None
    groups: int = 1
    transposed: bool = False
    recorded: bool = False

    def sides(self) -> list[Tensor]:
        """The labels of its axes: of rows, and of columns if it has any."""
        return [self.outputs] if self.inputs is None else [self.outputs, self.inputs]

    def matrix(self, tensor: Tensor) -> Tensor:
        """The tensor as (rows, columns of a group, positions)."""
        if self.inputs is None:
            return tensor.reshape(len(self.outputs), 1, -1)
        if not self.transposed:
            return tensor.reshape(len(self.outputs), tensor.shape[1], -1)
        parts = tensor.reshape(self.groups, -1, *tensor.shape[1:])
        return parts.transpose(1, 2).flatten(3).flatten(0, 1)

    def tensor(self, matrix: Tensor, shape: Iterable[int]) -> Tensor:
        """The tensor of a matrix; undoes `matrix`."""
        if self.inputs is None or not self.transposed:
            return matrix.reshape(*shape)
        parts = matrix.reshape(self.groups, -1, *matrix.shape[1:])
        return parts.transpose(1, 2).reshape(*shape)


@dataclass
class Units:
    """What is known of a model's units.

    Attributes:
        count: How many labels there are.
        pairs: (pairs, 2) labels of one unit.
        pinned: Labels of units that keep their place.
        blocks: For each operation with blocks, (members, 2) a label and that of the block it moves with.
        uses: For each argument of an operation, the labels in it and how often each is there.
        weights: The tensors that have places for units, by name.
        frozen: Names of tensors that are left as they are.
    """

    count: int = 1
    pairs: list[Tensor] = field(default_factory=list)
    pinned: list[Tensor] = field(default_factory=list)
    blocks: list[Tensor] = field(default_factory=list)
    uses: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    weights: dict[str, Weight] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)

    def fresh(self, *shape: int) -> Tensor:
        """Labels of units that are new."""
        made = torch.arange(self.count, self.count + torch.Size(shape).numel()).reshape(shape)
        self.count += made.numel()
        return made

    def equal(self, first: Tensor, second: Tensor) -> None:
        """The units of two arrays of labels are the same, one by one."""
        first, second = (each.flatten() for each in _condensed(*torch.broadcast_tensors(first, second)))
        self.pin(first[second == INVARIANT])
        self.pin(second[first == INVARIANT])
        self.pairs.append(_pairs(first, second, self.count, (first != second) & (first * second > 0)))

    def pin(self, labels: Tensor) -> None:
        """Units keep their place."""
        (dense,) = _condensed(labels)
        self.pinned.append(dense[dense != INVARIANT].unique())

    def within(self, members: Tensor, blocks: Tensor) -> None:
        """Units move with the blocks that they are in; the arrays are of one shape."""
        members, blocks = (each.flatten() for each in _condensed(*torch.broadcast_tensors(members, blocks)))
        self.pin(members[blocks == INVARIANT])
        self.pin(blocks[members == INVARIANT])
        self.blocks.append(
            _pairs(members, blocks, self.count, (members != INVARIANT) & (blocks != INVARIANT))
        )

    def use(self, labels: Tensor) -> None:
        """An operation takes these."""
        (dense,) = _condensed(labels)
        self.uses.append(dense.unique(return_counts=True))

    def weigh(self, weight: Weight) -> None:
        """A tensor has these axes. One that is taken in two ways is left as it is."""
        known = self.weights.setdefault(weight.name, weight)
        if weight.name in self.frozen or not _alike(known, weight):
            self.freeze(weight.name)
            for side in weight.sides():
                self.pin(side)
        else:
            for one, other in zip(known.sides(), weight.sides(), strict=True):
                self.equal(one, other)

    def freeze(self, name: str) -> None:
        """A tensor is left as it is, and all units that have places in it are."""
        self.frozen.add(name)
        if name in self.weights:
            for side in self.weights.pop(name).sides():
                self.pin(side)

    def vector(self, parameter: object, labels: Tensor, *, recorded: bool = False) -> None:
        """A tensor, if there is one, has one number, or one run of numbers, for each of these labels."""
        if isinstance(parameter, Parameter):
            self.weigh(Weight(parameter.name, labels.flatten(), recorded=recorded))

    def matrix(
        self, parameter: Parameter, outputs: Tensor, inputs: Tensor, groups: int = 1, transposed: bool = False
    ) -> None:
        """A tensor has a row for each of some labels, and a column for each of others, over all groups."""
        self.weigh(Weight(parameter.name, outputs, inputs, groups, transposed))

    def owns(self, *values: object) -> bool:
        """Whether arguments are tensors of the model, or left out."""
        return all(isinstance(value, Parameter | None) for value in values)

    def given(self, call: Call) -> Tensor:
        """The labels of a call's first argument."""
        labels = self.labels(call.arguments[0])
        return torch.tensor(INVARIANT) if labels is None else labels

    def like(self, call: Call, made: Callable[[torch.Size], Tensor]) -> Tensor | list[Tensor]:
        """Labels for each result of a call, by its shape."""
        keywords = {key: _meta(each) for key, each in call.keywords.items()}
        result = call.function(*_meta(call.arguments), **keywords)
        return made(result.shape) if isinstance(result, Tensor) else [made(part.shape) for part in result]

    def unknown(self, call: Call) -> Tensor | list[Tensor]:
        """Whatever the call does: all that it takes keeps its place."""
        for value in labelled((call.arguments, list(call.keywords.values()))):
            if isinstance(value, Parameter):
                self.freeze(value.name)
            else:
                self.pin(value.units)
        return self.like(call, lambda shape: torch.zeros(shape, dtype=torch.long))

    def labels(self, value: object) -> Tensor | None:
        """The labels of an argument; None where it is no tensor, or one number for all."""
        match value:
            case Labels(units):
                return units
            case Parameter(name, tensor) if value.moves:
                return None if tensor.numel() == 1 else self.elements(name, tensor.shape)
            case Parameter(_, tensor) | (Tensor() as tensor):
                return _constant(tensor)
        return None

    def elements(self, name: str, shape: torch.Size) -> Tensor:
        """Labels of a tensor that is taken number by number."""
        known = self.weights.get(name)
        if known is None and name not in self.frozen:
            known = self.weights[name] = Weight(name, self.fresh(shape.numel()))
        if known is None or known.inputs is not None or known.outputs.numel() != shape.numel():
            self.freeze(name)
            return torch.zeros(shape, dtype=torch.long)
        return known.outputs.reshape(shape)

    def along(self, labels: Tensor, axes: Iterable[int]) -> Tensor:
        """Numbers along some axes are of one unit.

        Returns:
            The labels, with these axes of size 1.
        """
        for axis in axes:
            first = labels.narrow(axis, 0, 1)
            if varies(labels, axis):
                self.equal(labels, first)
            labels = first
        return labels

    def coupled(self, first: Tensor, second: Tensor) -> Tensor:
        """Numbers are combined one by one, with broadcasting.

        Where one is broadcast over units of the other, it moves with all of them: it is their block.

        Returns:
            Labels of what they make.
        """
        axes = max(first.ndim, second.ndim)
        first, second = (each[(None,) * (axes - each.ndim)] for each in (first, second))
        whole, other = torch.broadcast_tensors(first, second)
        shared, spread = (_broadcast_over(*each) for each in ((second, first), (first, second)))
        if bool((second == INVARIANT).all()):
            self._beside(first, second)
            return whole
        if bool((first == INVARIANT).all()):
            self._beside(second, first)
            return other
        if shared and spread:
            self.pin(first)
            self.pin(second)
            return torch.zeros_like(whole)
        if shared or spread:
            self.within(*((whole, other) if shared else (other, whole)))
            return whole if shared else other
        self.equal(whole, other)
        return whole

    def _beside(self, labels: Tensor, invariant: Tensor) -> None:
        """Numbers that never move tell units apart, unless they are the same for all of them."""
        if any(invariant.shape[axis] > 1 and varies(labels, axis) for axis in range(labels.ndim)):
            self.pin(labels)

    def product(self, first: Tensor, second: Tensor) -> Tensor:
        """Units are contracted, which leaves their block; or else positions are, which leaves units."""
        rows, columns = first.shape[-2], second.shape[-1]
        if varies(first, -1) or varies(second, -2):
            taken = self.along(first, [-2])[..., 0, :]
            self.equal(taken, self.along(second, [-1])[..., 0])
            blocks = self.fibres(torch.broadcast_tensors(taken, second[..., 0])[0], [-1])[..., None]
            return blocks.expand(*blocks.shape[:-2], rows, columns)
        made = self.coupled(first[..., :1], second[..., :1, :])
        return made.expand(*made.shape[:-2], rows, columns)

    def fibres(self, labels: Tensor, axes: Iterable[int]) -> Tensor:
        """Numbers along some axes are taken together, whatever their order.

        Returns:
            Labels of what is made of each set: that of its block; these axes have size 1.
        """
        axes = sorted(axis % labels.ndim for axis in axes)
        if not any(varies(labels, axis) for axis in axes):
            return labels[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(labels.ndim))]
        kept = [axis for axis in range(labels.ndim) if axis not in axes]
        rows = labels.permute(*kept, *axes).reshape(prod(labels.shape[axis] for axis in kept), -1)
        shape = [1 if axis in axes else size for axis, size in enumerate(labels.shape)]
        if torch.equal(rows, rows[:1].expand_as(rows)):
            return torch.zeros(shape, dtype=torch.long)
        distinct, place = rows.unique(dim=0, return_inverse=True)
        made = self.fresh(len(distinct))
        self.within(distinct, made[:, None].expand_as(distinct))
        return made[place].reshape(shape)


def _alike(one: Weight, other: Weight) -> bool:
    shapes = [[side.shape for side in each.sides()] for each in (one, other)]
    return shapes[0] == shapes[1] and (one.groups, one.transposed) == (other.groups, other.transposed)


def labelled(value: object) -> Iterator[Labels | Parameter]:
    """All results and tensors among arguments whose numbers belong to units."""
    if isinstance(value, Labels) or (isinstance(value, Parameter) and value.moves):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from labelled(each)


def varies(labels: Tensor, axis: int) -> bool:
    """Whether there are different labels along an axis."""
    if labels.shape[axis] == 1 or labels.stride(axis) == 0:
        return False
    return not torch.equal(labels, labels.narrow(axis, 0, 1).expand_as(labels))


def as_labels(made: Any) -> Any:
    """What a rule gives for a result, or for each of several, as `Labels`."""
    if isinstance(made, list):
        return [as_labels(each) for each in made]
    return Labels(made) if isinstance(made, Tensor) else made


def _meta(value: Any) -> Any:
    """Arguments without numbers."""
    match value:
        case Labels(units):
            return torch.empty(units.shape, device="meta")
        case Parameter(_, tensor) | (Tensor() as tensor):
            return tensor.to("meta", torch.float32 if tensor.is_floating_point() else tensor.dtype)
        case list() | tuple():
            return [_meta(part) for part in value]
    return value


def _constant(tensor: Tensor) -> Tensor:
    """Labels of constants; axes along which they do not change have size 1."""
    for axis in range(tensor.ndim):
        if tensor.shape[axis] and torch.equal(tensor, tensor.narrow(axis, 0, 1).expand_as(tensor)):
            tensor = tensor.narrow(axis, 0, 1)
    return torch.zeros(tensor.shape, dtype=torch.long)


def _broadcast_over(small: Tensor, large: Tensor) -> bool:
    """Whether one is broadcast along an axis on which the other's units change."""
    return any(small.shape[axis] == 1 and varies(large, axis) for axis in range(large.ndim))


def _condensed(*arrays: Tensor) -> list[Tensor]:
    """Arrays of one shape without the axes along which all of them were expanded."""
    expanded = [all(each.stride(axis) == 0 for each in arrays) for axis in range(arrays[0].ndim)]
    return [each[tuple(slice(0, 1) if flat else slice(None) for flat in expanded)] for each in arrays]


def _pairs(first: Tensor, second: Tensor, count: int, chosen: Tensor) -> Tensor:
    """(pairs, 2) of different pairs."""
    codes = (first[chosen] * count + second[chosen]).unique()
    return torch.stack([codes // count, codes % count], 1)
