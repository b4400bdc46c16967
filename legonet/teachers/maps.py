"""A model as it is cut: what crosses there is a map. Needs torch for models that no block file lists."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from legonet.blocks.schema import Block
from legonet.ir.cuts import find_cut, means_any, split
from legonet.ir.graph import ModelGraph
from legonet.teachers.ports import is_taken_as_map, with_map
from legonet.teachers.read import expect_no_constants

if TYPE_CHECKING:
    from torch import nn

    from legonet.teachers.take_in import TakenIn

Shape = tuple[int, ...]


def take_in_with_cut(
    module: nn.Module,
    example_shape: Shape,
    input_shape: Shape,
    cut: str | float,
    output: str | None,
    where: str,
) -> tuple[TakenIn, str]:
    """Describe a model so that a map crosses where it is cut.

    Args:
        module: Any model that leads one tensor to its output; its weights are not looked at.
        example_shape: Of the images that it is traced with.
        input_shape: Of the network's.
        cut: A layer, module or operation, or a fraction of the model's multiplications; one that is
            written as a text is a name if the model has it.
        output: Which output counts, where the model gives several.
        where: What messages call the teacher.

    Returns:
        The model, and the place.

    Raises:
        TeacherError: The model cannot be traced, or has no such cut.
    """
    from legonet.ir.sizes import output_shape
    from legonet.teachers.cuts import at_fraction
    from legonet.teachers.take_in import take_in

    found = take_in(module, example_shape, output=output, where=where)
    cut = _fraction(found.architecture, cut)
    place = cut if isinstance(cut, str) else at_fraction(found.architecture, input_shape, cut, where)
    f, _ = split(found.architecture, place, where=where)
    shape = output_shape(f, input_shape, where=where)
    if is_taken_as_map(found.architecture, place, shape, input_shape):
        return found, place
    plain = found.architecture.without_notation()  # no layer makes a map of it
    operations, place = with_map(plain, find_cut(plain, place, where=where), shape)
    return replace(found, architecture=operations), place


def _fraction(architecture: ModelGraph, cut: str | float) -> str | float:
    """What a cut means that may be a fraction; `0.5` is also the name of a layer of nested chains."""
    with suppress(ValueError):
        if isinstance(cut, str) and 0 < float(cut) < 1 and not means_any(architecture, cut):
            return float(cut)
    return cut


def block_with_cut(block: Block, cut: str, where: str) -> tuple[ModelGraph, str]:
    """A block's layers or operations as they are cut; what a library builds is traced.

    Args:
        block: Layers and operations stay as its file lists them.
        cut: The layer, module or operation that the graph file names.
        where: What messages call the teacher.

    Returns:
        The model, and the place; a map crosses there if a library builds the block.

    Raises:
        BlockError: The block cannot be built.
        TeacherError: The library's model cannot be traced, has no such cut, or has constants that no weights
            file gives.
    """
    if block.architecture is not None:
        return block.architecture, cut
    from legonet.blocks.build import build_block

    module = build_block(block, "meta")
    found, place = take_in_with_cut(module, block.input, block.input, cut, None, where)
    expect_no_constants(block, found.constants)
    return found.architecture, place
