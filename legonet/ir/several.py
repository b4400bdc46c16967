"""Several maps that cross at one cut, as one row of numbers. Needs no torch.

U-Nets and feature pyramids have places that several maps cross, each of another size. There f ends with the
maps in a row, one after the other, and g_T begins with taking the row apart:

    f      … reshape (C, H, W), flatten,  cat      -> (N)
    g_T    split_with_sizes, getitem, reshape (C, H, W), …

So one tensor crosses all the same, and which maps it holds is read from the operations themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from legonet.graph.output import Maps
from legonet.ir.graph import INPUT, ModelGraph, Operation, Shape, TensorSpec, renamed


def to_row(module: str, names: Sequence[str], maps: Maps) -> list[Operation]:
    """Operations that put maps in a row; the last one gives it.

    Args:
        module: The module whose operations they are.
        names: The names of the results that are the maps.
        maps: Their shapes.
    """
    steps: list[Operation] = []
    for number, (name, shape) in enumerate(zip(names, maps, strict=True)):
        whole, flat = f"{module}.map{number}", f"{module}.flat{number}"
        steps.append(_step(whole, "reshape", [{"ref": name}, [{"batch": 1}, *shape]], module))
        steps.append(_step(flat, "flatten.using_ints", [{"ref": whole}, 1], module))
    flats = [{"ref": f"{module}.flat{number}"} for number in range(len(maps))]
    return [*steps, _step(f"{module}.row", "cat", [flats, 1], module)]


def from_row(module: str, row: str, maps: Maps) -> tuple[list[Operation], list[str]]:
    """Operations that take a row apart, and the results that are its maps.

    Args:
        module: The module whose operations they are.
        row: The result that is the row.
        maps: The shapes of its maps.
    """
    split = f"{module}.split"
    steps = [_step(split, "split_with_sizes", [{"ref": row}, [prod(each) for each in maps], 1], module)]
    given = []
    for number, shape in enumerate(maps):
        part, whole = f"{module}.part{number}", f"{module}.given{number}"
        steps.append(_step(part, "getitem", [{"ref": split}, number], module))
        steps.append(_step(f"{part}.map", "reshape", [{"ref": part}, [{"batch": 1}, *shape]], module))
        # Laid out anew, so that what comes after it computes as before, in every bit.
        steps.append(_step(whole, "contiguous", [{"ref": f"{part}.map"}], module))
        given.append(whole)
    return steps, given


def _step(name: str, function: str, arguments: list[Any], module: str) -> Operation:
    return Operation(name, function, tuple(arguments), {}, module)


def maps_given(graph: ModelGraph) -> Maps | None:
    """The maps of the row that a module gives; None if it gives no such row."""
    row = graph.steps.get(graph.output)
    if row is None or row.function != "cat" or row.argument(1, 0, "dim") != 1 or len(row.arguments) != 2:
        return None
    found = []
    for each in row.arguments[0]:
        flat = graph.steps.get(_reference(each))
        if flat is None or flat.function != "flatten.using_ints" or flat.arguments[1:] != (1,):
            return None
        found.append(_map(graph.steps.get(_reference(flat.arguments[0]))))
    return None if None in found else tuple(found)  # type: ignore[return-value]


def maps_taken(graph: ModelGraph) -> Maps | None:
    """The maps of the row that a module takes; None if it takes no such row."""
    takers = [step for step in graph.steps.values() if INPUT in step.references()]
    if len(takers) != 1 or takers[0].function != "split_with_sizes" or takers[0].arguments[2:] != (1,):
        return None
    split, sizes = takers[0].name, takers[0].arguments[1]
    parts = {
        step.name: step.arguments[1]
        for step in graph.steps.values()
        if step.function == "getitem" and split in step.references()
    }
    found: dict[int, Shape | None] = {}
    for step in graph.steps.values():
        for part in parts.keys() & set(step.references()):
            found[parts[part]] = _map(step)
    maps = [found.get(number) for number in range(len(sizes))]
    if any(each is None or prod(each) != size for each, size in zip(maps, sizes, strict=True)):
        return None
    return tuple(each for each in maps if each is not None)


def _reference(value: Any) -> str:
    return value.get("ref", "") if isinstance(value, dict) else ""


def _map(step: Operation | None) -> Shape | None:
    """The map that a `reshape` to (batch, channels, height, width) gives."""
    if step is None or step.function != "reshape" or len(step.arguments) != 2:
        return None
    match step.arguments[1]:
        case [{"batch": 1}, int(channels), int(height), int(width)] if min(channels, height, width) > 0:
            return channels, height, width
    return None


def side_by_side(graphs: Sequence[ModelGraph], sources: Maps, targets: Maps) -> ModelGraph:
    """Modules of one map each as one module, from a row of their maps to another.

    Args:
        graphs: Each takes and gives one map; its names begin with `map0.`, `map1.` and so on.
        sources: What each takes.
        targets: What each gives.
    """
    taken, given = from_row("take", INPUT, sources)
    steps = {step.name: step for step in taken}
    tensors: dict[str, TensorSpec] = {}
    outputs = []
    for number, (graph, source) in enumerate(zip(graphs, given, strict=True)):
        prefix = f"map{number}."
        for step in graph.steps.values():
            steps[prefix + step.name] = _prefixed(step, prefix, source)
        tensors |= {prefix + name: spec for name, spec in graph.tensors.items()}
        outputs.append(source if graph.output == INPUT else prefix + graph.output)
    row = to_row("give", outputs, targets)
    steps |= {step.name: step for step in row}
    return ModelGraph(steps, row[-1].name, tensors)


def _prefixed(step: Operation, prefix: str, source: str) -> Operation:
    def change(value: Any) -> Any:
        match value:
            case {"ref": name}:
                return {"ref": source if name == INPUT else prefix + name}
            case {"tensor": name}:
                return {"tensor": prefix + name}
            case list() | tuple():
                return [change(each) for each in value]
        return value

    keywords = {key: change(each) for key, each in step.keywords.items()}
    return replace(
        step,
        name=prefix + step.name,
        arguments=tuple(change(step.arguments)),
        keywords=keywords,
        module=prefix + step.module,
    )


def apart(graph: ModelGraph) -> list[ModelGraph]:
    """The modules that `side_by_side` put together, under the names that they have there."""
    maps = maps_taken(graph)
    if maps is None:
        return [graph]
    _, given = from_row("take", INPUT, maps)
    found = []
    for number, source in enumerate(given):
        own = [step for step in graph.steps.values() if step.name.startswith(f"map{number}.")]
        steps = {step.name: renamed(step, source, INPUT) for step in own}
        used = {name for step in own for name in step.tensors()}
        tensors = {name: spec for name, spec in graph.tensors.items() if name in used}
        found.append(ModelGraph(steps, own[-1].name if own else INPUT, tensors))
    return found
