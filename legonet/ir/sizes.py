"""What a model gives and costs for one input, by arithmetic where the operations' rows have it.

All that the chain notation can say has, so that plans need no torch. Other graphs run on torch's meta device.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

from legonet.errors import BlockError, first_line
from legonet.graph.output import Maps
from legonet.ir.cuts import following, rectifiers
from legonet.ir.graph import INPUT, LARGEST, UNLIKELY, ModelGraph, Operation, Shape
from legonet.ir.lowering import lower
from legonet.ir.notation import Layers, expectation
from legonet.ir.several import maps_given
from legonet.ops.call import Call, Extent
from legonet.ops.shapes import extents, show_shape
from legonet.ops.table import ROWS, row_of


class Size(NamedTuple):
    """What a module gives and costs.

    Attributes:
        operations: Floating-point operations of a forward pass for one input: two for each multiplication
            with its addition.
        gives: The shape of its output, without the batch.
        window: Height and width of the windows that it begins with a pooling of; 1: with none, or unknown.
        maps: The shapes of the maps in the row that it gives, if it gives several.
        rectified: The shapes of what its ReLUs take, in order; nothing stands for one that has no batch.
    """

    operations: int
    gives: Shape
    window: int = 1
    maps: Maps = ()
    rectified: tuple[Shape, ...] = ()

    @property
    def parts(self) -> Maps:
        """The maps that it gives: several in a row, or the one."""
        return self.maps or (self.gives,)


def size_of(graph: ModelGraph, shape: Shape) -> Size:
    """What a module gives and costs.

    Args:
        graph: The module's operations, which fit each other and the input.
        shape: The shape of one input, without the batch.

    Raises:
        BlockError: They do not fit after all.
    """
    known = _walk(graph, tuple(shape), "module", batch=1)
    if known is None:
        return _measured(graph, shape)
    if not isinstance(known.results[graph.output], Extent):
        raise BlockError("module: its output is a list; expected a tensor; choose another cut")
    gives = known.results[graph.output].shape[1:]
    maps = maps_given(graph) or ()
    shapes = {name: each.shape[1:] for name, each in known.results.items() if isinstance(each, Extent)}
    taken = _rectified(graph, shapes)
    return Size(sum(known.flops.values()), gives, lowest_window(graph, shape), maps, taken)


def chain_operations(layers: Layers, shape: Shape) -> int:
    """Floating-point operations of a chain of layers for one input; see `size_of`."""
    return size_of(lower(layers), shape).operations


def _measured(graph: ModelGraph, shape: Shape) -> Size:
    import torch

    from legonet.ir.flops import FlopCounter
    from legonet.ir.interpreter import sketched

    module = sketched(graph)
    try:
        with torch.no_grad(), FlopCounter() as counter:
            output = module(torch.empty((1, *shape), device="meta"))
    except Exception as error:  # torch has meta rules in Python, which raise anything
        raise BlockError(
            f"module: cannot take images of shape {show_shape(shape)}: {first_line(error)}; expected a model "
            "traced with images like these; trace it again"
        ) from error
    if not isinstance(output, torch.Tensor) or not output.ndim:
        raise BlockError(
            "module: its output has no axis for the batch; expected (batch, …); choose another cut"
        )
    maps = maps_given(graph) or ()
    taken = _rectified(graph, shapes_of(graph, shape)) if rectifiers(graph) else ()
    return Size(counter.total, tuple(output.shape[1:]), lowest_window(graph, shape), maps, taken)


def _rectified(graph: ModelGraph, shapes: Mapping[str, Shape]) -> tuple[Shape, ...]:
    return tuple(shapes.get(next(iter(graph.steps[name].references())), ()) for name in rectifiers(graph))


def output_shape(graph: ModelGraph, input_shape: Shape, *, where: str = "layers") -> Shape:
    """Find the shape of a model's output without weights and without computing.

    Args:
        graph: The model.
        input_shape: Without the batch, such as (channels, height, width).
        where: What messages call the model.

    Returns:
        Without the batch.

    Raises:
        BlockError: An operation cannot take what those before it give.
    """
    return shapes_of(graph, input_shape, where)[graph.output]


def shapes_of(graph: ModelGraph, input_shape: Shape, where: str = "layers") -> Mapping[str, Shape]:
    """Find the shapes of all results that have the batch as first axis, without it; of `input` too.

    Args:
        graph: The model.
        input_shape: The shape of one input, such as (channels, height, width), without the batch.
        where: What messages call the model.

    Raises:
        BlockError: As of `output_shape`.
    """
    known = _walk(graph, tuple(input_shape), where, UNLIKELY)
    if known is None:
        from legonet.ir.interpreter import result_shapes

        return result_shapes(graph, tuple(input_shape), where)
    found = {
        name: each.shape[1:]
        for name, each in known.results.items()
        if isinstance(each, Extent) and each.shape[:1] == (UNLIKELY,)
    }
    if graph.output not in found:
        raise BlockError(
            f"{where}: its output has no axis for the batch; expected (batch, …); choose another cut"
        )
    return found


def whole_shapes(graph: ModelGraph, input_shape: Shape, batch: int) -> dict[str, Shape] | None:
    """Find the shapes of all results that are one tensor, the batch included; of `input` too.

    Args:
        graph: The model.
        input_shape: The shape of one input, without the batch.
        batch: How many inputs there are.

    Returns:
        The shapes; None where arithmetic does not tell.

    Raises:
        BlockError: As of `output_shape`.
    """
    known = _walk(graph, tuple(input_shape), "layers", batch)
    if known is None:
        return None
    return {name: each.shape for name, each in known.results.items() if isinstance(each, Extent)}


class _Known(NamedTuple):
    """What arithmetic tells of each operation; its result is a list where there are several."""

    results: dict[str, Any]
    flops: dict[str, int]


def _walk(graph: ModelGraph, input_shape: Shape, where: str, batch: int) -> _Known | None:
    """Shapes and operations by arithmetic, for so many inputs; None where it does not tell."""
    rows = {name: row_of(step.function) for name, step in graph.steps.items()}
    if any(row is None or row.shape is None for row in rows.values()):
        return None
    known: dict[str, Any] = {INPUT: Extent((batch, *input_shape))}
    flops: dict[str, int] = {}
    for name, step in graph.steps.items():
        row = rows[name]
        below = next((each.shape for each in extents([known[ref] for ref in step.references()])), ())[1:]
        _expect(graph, name, below, where)
        assert row is not None and row.shape is not None  # noqa: S101, PT018 - looked at above
        try:
            call = Call(name, step.function, _nothing, *_extents(graph, step, known, batch))
            shape = row.shape(call)
            if shape is None:
                return None
            for each in shape if isinstance(shape, list) else [shape]:
                if min(each, default=1) < (1 if below else 0):  # some decoders join maps without a channel
                    raise ValueError(f"it would give {show_shape(each[1:])}, which is nothing")
                if prod(each) > LARGEST:
                    raise ValueError(f"it would give {show_shape(each[1:])}, more than any memory holds")
            several = isinstance(shape, list)
            known[name] = [Extent(each) for each in shape] if several else Extent(shape)
            flops[name] = row.flops(call, shape[0] if several else shape) if row.flops else 0
        except Exception as error:  # rules are for what a model that runs has; what does not raises anything
            raise _unfit(graph, name, below, where, error) from error
    return _Known(known, flops)


def crosses_batch(graph: ModelGraph, input_shape: Shape) -> bool:
    """Whether a result has the batch as two of its axes, as products of images by images have."""
    shapes = shapes_of(graph, input_shape).values()
    return any(size and size % UNLIKELY == 0 for shape in shapes for size in shape)


def _nothing(*_: Any) -> None:
    """The function of a call that is only looked at."""


def _extents(
    graph: ModelGraph, step: Operation, known: Mapping[str, Any], batch: int
) -> tuple[list[Any], dict[str, Any]]:
    def extent(value: Any) -> Any:
        match value:
            case {"ref": name}:
                return known[name]
            case {"tensor": name}:
                return Extent(graph.tensors[name].shape)
            case {"batch": factor}:
                return factor * batch
            case list() | tuple():
                return [extent(each) for each in value]
        return value

    return [extent(each) for each in step.arguments], {k: extent(v) for k, v in step.keywords.items()}


def _expect(graph: ModelGraph, name: str, shape: Shape, where: str) -> None:
    """Refuse a layer that does not take what is below it, in the notation's words."""
    layer = None if graph.notation is None else graph.notation[name]
    if layer is None:
        return
    expected, fits = expectation(layer)
    if not fits(shape):
        raise BlockError(
            f"{where}.{name}: its input has shape {show_shape(shape)}; {layer.type} expects {expected}; "
            "change this layer or those before it"
        )


def _unfit(graph: ModelGraph, name: str, shape: Shape, where: str, error: Exception) -> BlockError:
    called, advice = graph.steps[name].function, "give it images of the size that it was traced with"
    if graph.notation is not None:
        called, advice = graph.notation[name].type, "change this layer or those before it"
    return BlockError(
        f"{where}.{name}: {called} cannot take its input of shape {show_shape(shape)}: {error}; {advice}"
    )


def lowest_window(graph: ModelGraph, shape: Shape) -> int:
    """Height and width of the windows that a model begins with a pooling of; 1: it does not.

    Args:
        graph: The model.
        shape: The shape of one input, without the batch.
    """
    lowest = lowest_pooling(graph)
    if lowest is None or len(shape) < 3:
        return 1
    try:
        return _window(lowest, shape)
    except (TypeError, ValueError, LookupError, ArithmeticError):  # no windows that torch would take
        return 1


def _window(lowest: Operation, shape: Shape) -> int:
    window = ROWS[lowest.function].window
    assert window is not None  # noqa: S101 - it is a pooling
    kernel, stride, padding = window(lowest)
    size, *others = {*kernel, *stride}
    return 1 if any(padding) or others or any(side % size for side in shape[-2:]) else size


def lowest_pooling(graph: ModelGraph) -> Operation | None:
    """The pooling that alone takes a model's input, if it begins with one."""
    takers = [step for step in graph.steps.values() if INPUT in step.references()]
    if len(takers) != 1 or ROWS[takers[0].function].window is None:
        return None
    return takers[0] if takers[0].name in following(graph) else None


def tensor_shapes(graph: ModelGraph) -> dict[str, Shape]:
    """List the tensors of a model's state dict: shapes by key, in its order."""
    return {name: spec.shape for name, spec in graph.tensors.items()}


def is_counter(graph: ModelGraph, name: str) -> bool:
    """Whether a tensor holds whole numbers or truth values; all others are floating-point."""
    return "float" not in graph.tensors[name].dtype
