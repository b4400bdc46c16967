"""The sources of models, as a user names one on the command line; one line each. Needs torch.

model.pt2                   a file of torch.export, with its weights; torch's reader can be made to run code,
                            so it is asked only where the user allows it
vgg-slim                    a block of the workspace
torchvision:resnet18        a library's architecture, with the weights of a file
timm:efficientnet_b0        likewise, with the extra `zoo`
package.module:function     what a function gives; it is code, so it is called only where the user allows it
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from torch import nn

from legonet.teachers.models.blocks import BLOCK, named_block
from legonet.teachers.models.code import CODE
from legonet.teachers.models.exported import EXPORTED
from legonet.teachers.models.file import FILE
from legonet.teachers.models.library import LIBRARY
from legonet.teachers.models.source import Lookup, ModelSource

SOURCES: tuple[ModelSource, ...] = (EXPORTED, FILE, BLOCK, LIBRARY, CODE)


def find_model(
    reference: str,
    block_folders: Sequence[Path],
    allowed: Collection[str] = (),
    workspace: Path | None = None,
    *,
    own_weights: bool = False,
) -> nn.Module:
    """Build the model that a reference names, in evaluation mode; a `.pt2` file's has its weights.

    Parameters of the others are on the meta device until
    `legonet.teachers.weights.checkpoints.fill` gives them, so that a large model takes no memory.

    Args:
        reference: See above.
        block_folders: Where blocks are looked up.
        allowed: References to code that the command line allows to be run.
        workspace: The root of the workspace, for which the user may allow more.
        own_weights: A function gives a model with its weights, since there is no file of them.

    Raises:
        BlockError: There is no such block, library or architecture.
        TeacherError: It is code that is not allowed, or that gives no model.
    """
    return _source(reference).find(reference, Lookup(block_folders, allowed, workspace, own_weights))


def input_of(reference: str, block_folders: Sequence[Path]) -> tuple[int, ...] | None:
    """The shape of the images that a block names, (channels, height, width); None for what is no block.

    Raises:
        BlockError: There is no such block.
    """
    return named_block(reference, block_folders).input if _source(reference) is BLOCK else None


def _source(reference: str) -> ModelSource:
    return next(source for source in SOURCES if source.takes(reference))
