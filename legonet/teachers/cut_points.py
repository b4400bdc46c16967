"""Where a model can be cut, and what lies below and above each place. Needs torch.

Operations are counted as multiplications with additions, one for each pair: those of convolutions, linear
layers and matrix products, which are nearly all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from legonet.errors import TeacherError
from legonet.graph.output import Maps
from legonet.graph.suggest import listed
from legonet.ir.cuts import NOWHERE, cut_points, following, names_of
from legonet.ir.flops import FlopCounter
from legonet.ir.graph import ModelGraph, Operation, Shape
from legonet.ir.interpreter import GraphModule, sketched
from legonet.ir.sizes import shapes_of
from legonet.teachers.feature_maps import crossing_maps

FAR = 0.1  # from the fraction that was asked for; a single map is worth as much
WIDE = 0.3  # of the operations between two places that one tensor crosses: there, several may
RECOMMENDED = (0.25, 0.5, 0.75)  # of the operations lie below the cuts that are recommended


@dataclass(frozen=True)
class CutPoint:
    """A place where one tensor crosses, or several maps.

    Attributes:
        name: The last layer or operation below it.
        module: The outermost module that ends there, such as `layer2`; the name if there is none.
        shape: Of the tensor, without the batch.
        parameters: Numbers of weights below and above.
        operations: Multiplications below and above, for one image.
        names: Every name that means this place, the module's first.
        ends: A module ends there, or the model's own forward pass computes it.
        recommended: Feature maps or tokens, at the end of a module, near a quarter, a half or three quarters.
        several: The shapes of what crosses, where it is more than one; `shape` is that of the row then.
    """

    name: str
    module: str
    shape: Shape
    parameters: tuple[int, int]
    operations: tuple[int, int]
    names: tuple[str, ...] = ()
    ends: bool = True
    recommended: bool = False
    several: Maps = ()


def list_cut_points(graph: ModelGraph, input_shape: Shape, where: str = "model") -> list[CutPoint]:
    """All places where a model can be cut, in order.

    Those that several maps cross are listed where much is computed between two that one tensor crosses, at
    the ends of modules.

    Args:
        graph: The model.
        input_shape: (channels, height, width).
        where: What messages call the model.

    Raises:
        BlockError: The model does not take such an input.
    """
    shapes = shapes_of(graph, input_shape, where)
    costs, weights = _costs(sketched(graph), input_shape), _weights(graph)
    several = _several(graph, costs, shapes)
    names = names_of(graph, [*cut_points(graph), *several])
    most, all_weights = sum(costs.values()), sum(weights.values())
    work = held = 0
    cuts = []
    for name, cost in costs.items():
        work, held = work + cost, held + weights[name]
        if name in names and name in shapes:
            maps = several.get(name, ())
            cut = CutPoint(
                name,
                names[name][0],
                (sum(map(prod, maps)),) if maps else shapes[name],
                (held, all_weights - held),
                (work, most - work),
                tuple(names[name]),
                _ends(graph.steps[name], names[name]),
                several=maps,
            )
            cuts.append(cut)
    return _with_recommended(cuts)


def _several(graph: ModelGraph, costs: Mapping[str, int], shapes: Mapping[str, Shape]) -> dict[str, Maps]:
    """The ends of modules that several maps cross, between places that are far apart, and their shapes."""
    path, single = following(graph), set(cut_points(graph))
    most, gaps, gap = sum(costs.values()), list[list[str]](), list[str]()
    for name in path:
        gap.append(name)
        if name in single or name == graph.output:
            gaps.append(gap)
            gap = []
    wide = [name for gap in gaps if sum(costs[each] for each in gap) > WIDE * most for name in gap[:-1]]
    ends = [name for name, called in names_of(graph, wide).items() if called[0] != name]
    found = {name: crossing_maps(graph, name, shapes) for name in ends}
    return {name: tuple(crosses.values()) for name, crosses in found.items() if crosses is not None}


def at_fraction(graph: ModelGraph, input_shape: Shape, fraction: float, where: str) -> tuple[str, str]:
    """The cut that leaves about this fraction of the operations below it: a map or tokens if there are any.

    Returns:
        Its name; and a sentence, where the nearest place is far from the fraction.

    Raises:
        TeacherError: The fraction is not between 0 and 1, or the model cannot be cut between its weights.
    """
    if not 0 < fraction < 1:
        raise TeacherError(
            f"{where}: found the cut {fraction}; expected a fraction between 0 and 1, or a name; choose one"
        )
    cuts = list_cut_points(graph, input_shape, where)
    if not cuts:
        raise TeacherError(f"{where}: {NOWHERE}")
    weighty = [cut for cut in cuts if min(cut.parameters)]
    if not weighty and any(sum(cut.parameters) for cut in cuts):
        raise TeacherError(
            f"{where}: found no place for the cut {fraction} that has weights below and above it; expected a "
            f"category and a task module with weights; name the place: {listed([cut.module for cut in cuts])}"
        )
    good = [cut for cut in weighty or cuts if _has_places(cut)] or weighty or cuts
    found = min(ends(good), key=lambda cut: _distance(cut, fraction))
    if abs(_share(found) - fraction) <= FAR:
        return found.module, ""
    return found.module, (
        f"it is cut at {found.module}, with {_share(found):.0%} of the multiplications below it: no place is "
        f"nearer to {fraction:.0%}"
    )


def _has_places(cut: CutPoint) -> bool:
    """Whether features of several places cross: a map, (channels, height, width), or tokens."""
    return any(
        (len(shape) == 3 and prod(shape[1:]) > 1) or (len(shape) == 2 and shape[0] > 1)
        for shape in cut.several or (cut.shape,)
    )


def _distance(cut: CutPoint, wanted: float) -> float:
    """How far a place is from a share of the operations."""
    return abs(_share(cut) - wanted) + (FAR if cut.several else 0)


def _share(cut: CutPoint) -> float:
    return cut.operations[0] / max(1, sum(cut.operations))


def ends(cuts: list[CutPoint]) -> list[CutPoint]:
    """The last of those places between which nothing is multiplied: what ends a block."""
    by_cost = {cut.operations[0]: cut for cut in cuts if cut.operations[0] and cut.operations[1]}
    return list(by_cost.values()) or cuts


def _ends(step: Operation, names: list[str]) -> bool:
    """Whether a module ends there: its last call may be of a part that it called before, such as a ReLU."""
    return not step.module or step.module in names or len(names) > 1


def _with_recommended(cuts: list[CutPoint]) -> list[CutPoint]:
    good = ends([cut for cut in cuts if _has_places(cut)])
    good = [cut for cut in good if cut.ends] or good
    chosen = {min(good, key=lambda cut: _distance(cut, wanted)).name for wanted in RECOMMENDED if good}
    return [CutPoint(**{**vars(cut), "recommended": cut.name in chosen}) for cut in cuts]


def _weights(graph: ModelGraph) -> dict[str, int]:
    """The trained numbers of each step; a tensor that several take counts for the first of them."""
    weights: dict[str, int] = {}
    known: set[str] = set()
    for name, step in graph.steps.items():
        new = dict.fromkeys(each for each in step.tensors() if each not in known)
        weights[name] = sum(prod(graph.tensors[each].shape) for each in new if not graph.tensors[each].buffer)
        known.update(new)
    return weights


def _costs(module: GraphModule, input_shape: Shape) -> dict[str, int]:
    """The multiplications of each step, for one image, on the meta device."""
    costs: dict[str, int] = {}
    counter, last = FlopCounter(), [""]

    def observe(step: Any, arguments: list[Any], keywords: dict[str, Any]) -> None:
        if last[0]:
            costs[last[0]] = counter.total
        last[0] = step.name

    with torch.no_grad(), counter:
        module.run(torch.empty((1, *input_shape), device="meta"), observe)
    costs[last[0]] = counter.total
    total, each = 0, {}
    for name, count in costs.items():
        each[name], total = (count - total) // 2, count
    return each


def near(cuts: list[CutPoint], cut: CutPoint) -> list[CutPoint]:
    """Other places between which and this one nothing is multiplied, such as before and after a pooling."""
    return [each for each in cuts if each is not cut and each.operations[0] == cut.operations[0]]
