"""Small rewritings of a graph of operations, which passes are made of. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from legonet.compile.program import Brick, fresh
from legonet.ir.graph import ModelGraph, Operation, TensorSpec, renamed, restricted
from legonet.ops.table import ROWS


def users(graph: ModelGraph) -> dict[str, list[Operation]]:
    """For each result, the input included, the operations that take it, each once."""
    found: dict[str, list[Operation]] = {}
    for step in graph.steps.values():
        for name in dict.fromkeys(step.references()):
            found.setdefault(name, []).append(step)
    return found


def only_user(graph: ModelGraph, name: str) -> Operation | None:
    """The operation that alone takes a result, if there is one; what is the output has none."""
    found = [step for step in graph.steps.values() if name in step.references()]
    return found[0] if len(found) == 1 and name != graph.output else None


def ref_of(value: Any) -> str | None:
    """The name of a result, if an argument is one."""
    return value["ref"] if isinstance(value, Mapping) and "ref" in value else None


def tensor_of(value: Any) -> str | None:
    """The name of a tensor, if an argument is one."""
    return value["tensor"] if isinstance(value, Mapping) and "tensor" in value else None


def takes_alone(step: Operation, name: str | None = None) -> bool:
    """Whether a result, which may be named, is the data of a linear operation and all that it takes.

    Its weight is a tensor, then.
    """
    if ROWS[step.function].weights is None or len(step.arguments) < 2:
        return False
    data = ref_of(step.arguments[0])
    taken = list(step.references())
    return data is not None and taken == [name or data] and tensor_of(step.arguments[1]) is not None


def with_arguments(step: Operation, changes: Mapping[int, Any]) -> Operation:
    """The operation with other arguments at some positions; those between are None."""
    arguments = list(step.arguments)
    arguments += [None] * (max(changes, default=-1) + 1 - len(arguments))
    for position, value in changes.items():
        arguments[position] = value
    return replace(step, arguments=tuple(arguments))


def bypassed(graph: ModelGraph, names: Collection[str]) -> ModelGraph:
    """The graph without some operations, whose users take the result that each took first."""
    steps: dict[str, Operation] = {}
    moved: dict[str, str] = {}
    for name, step in graph.steps.items():
        for reference in set(step.references()) & moved.keys():
            step = renamed(step, reference, moved[reference])
        if name in names:
            moved[name] = next(iter(step.references()))
        else:
            steps[name] = step
    return rebuilt(graph, steps, moved.get(graph.output, graph.output))


def rebuilt(
    graph: ModelGraph,
    steps: Mapping[str, Operation],
    output: str | None = None,
    more: Mapping[str, TensorSpec] | None = None,
) -> ModelGraph:
    """A graph of other operations, with the tensors that they take.

    Args:
        graph: The graph whose tensors are known.
        steps: The operations by name, in order.
        output: The result that counts; default: the graph's.
        more: Tensors that the graph does not have, or that have another shape now.
    """
    known = replace(graph, tensors={**graph.tensors, **(more or {})})
    return restricted(known, steps, graph.output if output is None else output)


def own_weight(brick: Brick, step: Operation, taken: Collection[str]) -> str:
    """The name of a changed weight of an operation: the weight's own, unless others take that too."""
    weight = str(tensor_of(step.arguments[1]))
    return fresh(weight, taken, "_") if is_shared(brick, weight) else weight


def own_bias(brick: Brick, step: Operation, taken: Collection[str]) -> str:
    """The name of a changed or an added bias of an operation, likewise."""
    bias = tensor_of(step.argument(2, None, "bias"))
    if bias and not is_shared(brick, bias):
        return bias
    module = str(tensor_of(step.arguments[1])).rpartition(".")[0]
    return fresh(f"{module or step.name}.bias", taken, "_")


def is_shared(brick: Brick, tensor: str) -> bool:
    """Whether several operations take a tensor, so that one of them cannot have it changed."""
    return sum(tensor in step.tensors() for step in brick.steps) > 1
