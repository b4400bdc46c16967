"""Alignment: the hidden units of one task module put in the order of another's, without data.

Unit i of g_S and unit i of g_T mean the same where both were fine-tuned from one base. Where they do not,
because g_T was trained elsewhere or its units were reordered, orders of its units are looked for that make
the weights of the two most alike. Which units may change places follows from the operations, whose rows say
how units pass them: `walk` labels all numbers of a module by their units, `groups` makes permutation groups
of these, `permute` applies an order and `matching` finds one.

A reordered g_T computes the same function, so nothing is lost where the alignment fails.

Source: Ainsworth, Hayase, Srinivasa: Git Re-Basin, arXiv:2209.04836.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from legonet.distill.alignment.groups import Order
from legonet.distill.alignment.matching import Matching
from legonet.distill.alignment.permute import Permuted, Symmetry
from legonet.ir.graph import INPUT, ModelGraph
from legonet.ir.interpreter import GraphModule
from legonet.ops.call import Shape
from legonet.ops.table import ROWS
from legonet.teachers.kinship import ALIKE

__all__ = ["Alignment", "Order", "Permuted", "Symmetry", "align", "in_one_order"]


@dataclass(frozen=True)
class Alignment(Permuted):
    """A task module with its hidden units in the order of another's.

    Attributes:
        similarity: Cosine of all matrices of weights to the other module's, but for those that take the
            input in any order, -1 to 1; about 0.1 for strangers.
    """

    similarity: float


def align(module: GraphModule, reference: GraphModule, input_shape: Shape) -> Alignment | None:
    """Reorder the hidden units of a task module to match another's.

    Args:
        module: g_T; it stays as it is.
        reference: g_S, of the same architecture but for the channels of its input.
        input_shape: (channels, height, width) that `module` takes.

    Returns:
        The aligned copy; None where the two differ in architecture, or where no unit can change places.
    """
    if _structure(module.graph) != _structure(reference.graph):
        return None
    symmetry = Symmetry(module, input_shape)
    names = dict(zip(_tensors(module.graph), _tensors(reference.graph), strict=True))
    mine, theirs = module.state_dict(), reference.state_dict()
    if not symmetry.groups.roots or not all(
        _fits(symmetry, name, mine[name], theirs[names[name]]) for name in names
    ):
        return None
    weights = symmetry.weights
    ours = {name: weight.matrix(mine[name].double()) for name, weight in weights.items()}
    wanted = {name: weight.matrix(theirs[names[name]].double()) for name, weight in weights.items()}
    matching = Matching(symmetry, ours, wanted)
    found = symmetry.permuted(matching.run())
    return Alignment(found.module, found.relu_orders, matching.similarity())


def in_one_order(module: GraphModule, reference: GraphModule) -> bool:
    """Whether the units of two modules correspond as they are: most of their weights are alike.

    The cosine of their matrices is near 1 where both were fine-tuned from one network, and near 0 for
    strangers.
    """
    if _structure(module.graph) != _structure(reference.graph):
        return False
    mine, theirs = module.state_dict(), reference.state_dict()
    named = zip(_tensors(module.graph), _tensors(reference.graph), strict=True)
    pairs = [(mine[own], theirs[other]) for own, other in named]
    matrices = [
        (own.flatten(), other.flatten())
        for own, other in pairs
        if own.ndim > 1 and own.shape == other.shape and own.is_floating_point()
    ]
    if not matrices:
        return False
    ours, wanted = (torch.cat(each) for each in zip(*matrices, strict=True))
    return float(torch.nn.functional.cosine_similarity(ours, wanted, dim=0)) > ALIKE


def _fits(symmetry: Symmetry, name: str, mine: Tensor, theirs: Tensor) -> bool:
    """Whether a tensor has the shape of the reference's, but for a free input."""
    if mine.shape == theirs.shape:
        return True
    weight, groups = symmetry.weights.get(name), symmetry.groups
    if weight is None or weight.inputs is None or not groups.free or mine.ndim != theirs.ndim:
        return False
    columns = 0 if weight.transposed else 1
    others = [axis for axis in range(mine.ndim) if axis != columns]
    same = all(mine.shape[axis] == theirs.shape[axis] for axis in others)
    taken = groups.unit_of[weight.inputs]
    return same and bool(torch.isin(taken, groups.unit_of[groups.channels]).all())


def _structure(graph: ModelGraph) -> list[Any]:
    """A model's operations and what each takes, but for names, sizes and what only training needs."""
    numbers: dict[str, int] = {INPUT: 0}
    tensors = {name: number for number, name in enumerate(_tensors(graph))}
    found: list[Any] = []
    for name, step in graph.steps.items():
        taken = [numbers[each] for each in step.references()]
        if ROWS[step.function].copies and taken:
            numbers[name] = taken[0]
            continue
        numbers[name] = len(numbers)
        found.append((step.function, taken, [tensors[each] for each in step.tensors()]))
    return [*found, numbers[graph.output]]


def _tensors(graph: ModelGraph) -> list[str]:
    """The tensors that operations take, in the order in which they do."""
    return list(dict.fromkeys(_taken(graph)))


def _taken(graph: ModelGraph) -> Iterator[str]:
    for step in graph.steps.values():
        yield from step.tensors()
