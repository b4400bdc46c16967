"""Models that the blocks of a workspace describe: `vgg-slim`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from torch import nn

from legonet.blocks.build import build_block
from legonet.blocks.files import find_block, list_blocks
from legonet.blocks.libraries.table import LIBRARIES
from legonet.blocks.schema import Block
from legonet.blocks.weightless import without_values
from legonet.errors import BlockError
from legonet.teachers.models.source import Lookup, ModelSource


def _is_name(reference: str) -> bool:
    return not reference.partition(":")[2]


def _find(reference: str, lookup: Lookup) -> nn.Module:
    block = named_block(reference, lookup.block_folders)
    return without_values(lambda: build_block(block)).eval()


def named_block(name: str, block_folders: Sequence[Path]) -> Block:
    """Read the block of a name.

    Raises:
        BlockError: There is none; says which library has a model of this name.
    """
    try:
        return find_block(name, block_folders)
    except BlockError as error:
        for library in LIBRARIES if name not in list_blocks(block_folders) else ():
            with suppress(ImportError):
                if name in LIBRARIES[library].names():
                    raise BlockError(f"{error} Or '{library}:{name}'?") from error
        raise


BLOCK = ModelSource(_is_name, _find)
