"""The place where a model is cut is found once, by name or by a fraction, so that a map crosses there.

Needs no torch for names of places that a map crosses in chains of layers, as block files list them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from legonet.blocks.schema import Block
from legonet.errors import TeacherError
from legonet.ir.cuts import (
    CutError,
    crossing_in_words,
    cut_points,
    find_step,
    following,
    means_any,
    names_of,
    nearest,
)
from legonet.ir.graph import ModelGraph, Shape
from legonet.ir.sizes import shapes_of
from legonet.ir.split import Cut, cut_at
from legonet.teachers.feature_maps import MAP, crossing_maps, is_taken_as_map, with_map, with_several


def resolve(graph: ModelGraph, cut: str | float, input_shape: Shape, where: str) -> Cut:
    """Find where a model is cut; where no map crosses, operations that make one are added.

    Args:
        graph: The model.
        cut: A layer, module or operation, or a fraction of the model's multiplications; a number that is
            written as a text is a name if the model has it.
        input_shape: (channels, height, width) of the network's images.
        where: What messages call the teacher.

    Raises:
        TeacherError: The model has no such place.
    """
    cut, note = _fraction(graph, cut), ""
    if not isinstance(cut, str):
        from legonet.teachers.cut_points import at_fraction

        cut, note = at_fraction(graph, input_shape, cut, where)
    several = _several(graph, cut, input_shape, where)
    if several is not None:
        return replace(several, note=note or several.note)
    found = replace(cut_at(graph, cut, where=where), note=note)
    shape = found.shape(input_shape)
    if is_taken_as_map(found, shape, input_shape):
        return found
    plain = graph.without_notation()  # no layer makes a map of it
    return with_map(replace(found, graph=plain, name=names_of(plain, [found.place])[found.place][0]), shape)


def _several(graph: ModelGraph, name: str, input_shape: Shape, where: str) -> Cut | None:
    """The model cut where several maps cross; None where one result does, or something else than maps."""
    if not means_any(graph, name):
        return None
    place = find_step(graph, name, where=where)
    if place == graph.output or place in cut_points(graph) or place not in following(graph):
        return None
    plain = graph.without_notation()
    crosses = crossing_maps(plain, place, shapes_of(plain, input_shape, where))
    if crosses is None:
        return None
    called = names_of(plain, [place])[place][0]
    note, near = crossing_in_words(plain, place, name), nearest(plain, place)
    note += f"; each has an adapter of its own. One tensor crosses at {near}" if near else ""
    return with_several(Cut(plain, place, called, where, note), crosses)


def _fraction(graph: ModelGraph, cut: str | float) -> str | float:
    """Read a cut that may be a fraction; `0.5` is also the name of a layer of nested chains."""
    with suppress(ValueError):
        if isinstance(cut, str) and 0 < float(cut) < 1 and not means_any(graph, cut):
            return float(cut)
    return cut


def block_cut(block: Block, name: str, where: str, output: str | None = None) -> Cut:
    """Cut a block's model; the model of a library is traced, which needs torch.

    Args:
        block: Layers and operations stay as its file lists them.
        name: The layer, module or operation that the graph file names.
        where: What messages call the teacher.
        output: Which output counts, and last steps that it lacks; see `legonet.teachers.tracing.outputs`.

    Returns:
        The model and the place; a map crosses there if a library builds the block.

    Raises:
        BlockError: The block cannot be built.
        TeacherError: The library's model cannot be traced, has no such place, or computes with constants,
            which no weights file gives.
    """
    if block.architecture is None:
        return resolve(block_graph(block, output), name, block.input, where)
    graph = block.architecture if output is None else _with_output(block.architecture, output, where)
    try:
        return cut_at(graph, _with_its_map(block, name), where=where)
    except CutError:
        several = _several(graph, name, block.input, where)
        if several is None:
            raise
        return several


def _with_output(graph: ModelGraph, output: str, where: str) -> ModelGraph:
    """The model with the last steps that its output lacks."""
    from legonet.teachers.tracing.outputs import read_output
    from legonet.teachers.tracing.traced import Traced

    chosen = read_output(output, where)
    if chosen.name is not None:
        raise TeacherError(
            f"{where}.output: names the output '{chosen.name}'; a block of layers or operations has one, "
            "without a name; expected steps alone, such as `| mean 2 3`; leave the name out"
        )
    return chosen.added_to(Traced(graph)).graph


def _with_its_map(block: Block, name: str) -> str:
    """The end of a way to a map that was added where a name stands, if one was; else the name."""
    graph = block.architecture
    if graph is None or not means_any(graph, name):
        return name
    with suppress(CutError):
        place = find_step(graph, name)
        ways = {place + MAP, graph.steps[place].module}
        for end in block.cuts:
            module = graph.steps[end].module if end in graph.steps else ""
            if module.endswith(MAP) and module in ways:
                return end
    return name


def block_graph(block: Block, output: str | None = None) -> ModelGraph:
    """The graph of a block's model; the model of a library is traced, which needs torch.

    Args:
        block: The block.
        output: Of a library's model, which output counts, and last steps that it lacks.

    Raises:
        BlockError: The block cannot be built.
        TeacherError: The library's model cannot be traced, or computes with constants, which no weights file
            gives.
    """
    if block.architecture is not None:
        return block.architecture
    from legonet.blocks.build import build_block
    from legonet.teachers.tracing.outputs import read_output
    from legonet.teachers.tracing.trace import trace

    where = f"block {block.name}"
    traced = trace(build_block(block, "meta"), block.input, output=read_output(output, where), where=where)
    if traced.constants:
        raise TeacherError(
            f"block {block.name}: {block.builder} computes with {len(traced.constants)} constants; expected "
            "weights only; bring it in with `legonet teacher add`, which keeps them beside the weights"
        )
    return traced.graph
