"""A module with its units in other places, which computes the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from legonet.distill.alignment.groups import Group, Groups, Order, Unit, permutation_groups
from legonet.distill.alignment.walk import label
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec, renamed
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.ops.call import Shape
from legonet.ops.labels import Weight


@dataclass(frozen=True)
class Permuted:
    """A module whose units have changed places.

    Attributes:
        module: A copy; it computes what the original computes.
        relu_orders: For each rectifier, bottom first, an array of the shape of its units: the place in the
            original, counted through, of the unit that is here now.
    """

    module: GraphModule
    relu_orders: list[Tensor]

    def reordered(self, activity: Sequence[Tensor]) -> list[Tensor]:
        """What was recorded of each rectifier's units in the original, (…, *units), for the copy."""
        return [_reordered(each, order) for each, order in zip(activity, self.relu_orders, strict=True)]


def _reordered(recorded: Tensor, order: Tensor) -> Tensor:
    leading = recorded.shape[: max(recorded.ndim - order.ndim, 0)]
    whole = recorded.expand(*leading, *order.shape).flatten(len(leading))
    return whole[..., order.flatten().to(recorded.device)].reshape(*leading, *order.shape)


class Symmetry:
    """The reorderings of a module's hidden units that leave its function as it is.

    Args:
        module: Any.
        input_shape: (channels, …) of one input.

    Attributes:
        groups: Which units may change places.
        weights: The tensors that have places for units, by name.
    """

    def __init__(self, module: GraphModule, input_shape: Shape) -> None:
        found = label(module, input_shape)
        self._module = module
        self.groups: Groups = permutation_groups(found)
        self.weights: Mapping[str, Weight] = found.units.weights
        self._rectified = found.rectified

    def identity(self) -> Order:
        """Every unit in its place."""
        return torch.arange(self.groups.count)

    def random(self, generator: torch.Generator) -> Order:
        """The units of all groups in random places."""
        order = self.identity()

        def shuffle(group: Group, source: Group) -> None:
            drawn = torch.randperm(len(group.units), generator=generator).tolist()
            for unit, place in zip(group.units, drawn, strict=True):
                put(unit, source.units[place])

        def put(unit: Unit, source: Unit) -> None:
            order[unit.number] = source.number
            for group, other in zip(unit.groups, source.groups, strict=True):
                shuffle(group, other)

        for group in self.groups.roots:
            shuffle(group, group)
        return order

    def permuted(self, order: Order) -> Permuted:
        """Put units in other places.

        Where the input's channels are units that changed places, such as those of a residual stream, the copy
        first puts its input in their order.
        """
        state = self._module.state_dict()
        for name, weight in self.weights.items():
            state[name] = weight.tensor(
                self.permuted_matrix(weight, weight.matrix(state[name]), order), state[name].shape
            )
        graph, channels = self._module.graph, self.groups.slots(self.groups.channels, order)
        if not torch.equal(channels, torch.arange(len(channels))):
            graph, name = _reordering(graph, len(channels))
            state[name] = channels.to(next(iter(state.values()), channels).device)
        tensors = {name: tensor.clone() for name, tensor in state.items()}
        orders = [self.groups.slots(each.flatten(), order).reshape(each.shape) for each in self._rectified]
        return Permuted(with_tensors(graph, tensors), orders)

    def permuted_matrix(self, weight: Weight, matrix: Tensor, order: Order) -> Tensor:
        """The matrix of a weight with the numbers of units in other places."""
        result = matrix[self.groups.slots(weight.outputs, order).to(matrix.device)]
        if weight.inputs is None:
            return result
        columns = self.groups.slots(weight.inputs, order).to(matrix.device)
        columns = columns.reshape(weight.groups, -1) % matrix.shape[1]
        if weight.groups == 1:
            return result.index_select(1, columns[0])
        columns = columns.repeat_interleave(len(matrix) // weight.groups, 0)
        return result.take_along_dim(columns[:, :, None], 1)


def _reordering(graph: ModelGraph, channels: int) -> tuple[ModelGraph, str]:
    """A model that first takes its input's channels in the order of a tensor, and that tensor's name."""
    name, tensor = (_unused(each, graph) for each in ("input_channels", "input_order"))
    first = Operation(name, "index_select", ({"ref": INPUT}, 1, {"tensor": tensor}), {}, name)
    plain = graph.without_notation()
    steps = {name: first} | {key: renamed(step, INPUT, name) for key, step in plain.steps.items()}
    tensors = {**plain.tensors, tensor: TensorSpec((channels,), "int64", buffer=True)}
    return ModelGraph(steps, plain.output, tensors), tensor


def _unused(name: str, graph: ModelGraph) -> str:
    while name in graph.steps or name in graph.tensors:
        name += "_"
    return name
