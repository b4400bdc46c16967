"""Where a model comes from, as a user names it on the command line. Needs torch.

vgg-slim                    a block of the workspace
torchvision:resnet18        a library's architecture, with the weights of a file
timm:efficientnet_b0        likewise, with the extra `zoo`
model.pt2                   a file of torch.export, with its weights; torch's reader can be made to run code,
                            so it is asked only where the user allows it
package.module:function     what a function gives; it is code, so it is called only where the user allows it
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from torch import nn

from legonet.blocks.build import build_block
from legonet.blocks.files import find_block, list_blocks
from legonet.blocks.library import LIBRARIES, build_model
from legonet.blocks.schema import Block
from legonet.blocks.weightless import without_values
from legonet.errors import BlockError, TeacherError
from legonet.graph.suggest import kind_of
from legonet.teachers.named import find_module, no_function, no_module
from legonet.teachers.programs import SUFFIX, read_program
from legonet.teachers.tracing import line_of


def find_model(reference: str, block_folders: Sequence[Path], allowed: Collection[str] = ()) -> nn.Module:
    """Build the model that a reference names, in evaluation mode; a `.pt2` file's has its weights.

    Parameters of the others are on the meta device until `legonet.teachers.checkpoints.fill` gives them, so
    that a large model takes no memory.

    Args:
        reference: See above.
        block_folders: Where blocks are looked up.
        allowed: References to code that the user allows to be run.

    Raises:
        BlockError: There is no such block, library or architecture.
        TeacherError: It is code that is not allowed, or that gives no model.
    """
    if reference.endswith(SUFFIX):
        return _program(reference, allowed)
    library, _, name = reference.partition(":")
    if not name:
        block = _block(reference, block_folders)
        return without_values(lambda: build_block(block)).eval()
    if library in LIBRARIES:
        return without_values(lambda: build_model(reference, {}, where="model")).eval()
    return _called(reference, library, name, allowed)


def input_of(reference: str, block_folders: Sequence[Path]) -> tuple[int, ...] | None:
    """The shape of the images that a block names, (channels, height, width); None of what is no block.

    Raises:
        BlockError: There is no such block.
    """
    is_block = ":" not in reference and not reference.endswith(SUFFIX)
    return _block(reference, block_folders).input if is_block else None


def _block(name: str, block_folders: Sequence[Path]) -> Block:
    try:
        return find_block(name, block_folders)
    except BlockError as error:
        for library in LIBRARIES if name not in list_blocks(block_folders) else ():
            with suppress(ImportError):
                if name in LIBRARIES[library].names():
                    raise BlockError(f"{error} Or '{library}:{name}'?") from error
        raise


@contextmanager
def _beside() -> Iterator[None]:
    """Modules of the working folder are found, as `python` finds them."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        sys.path.pop(0)


def _program(reference: str, allowed: Collection[str]) -> nn.Module:
    if reference not in allowed:
        raise TeacherError(
            f"model {reference}: torch reads such a file with pickle, which can run code that is in it; "
            "expected a block or one of the libraries "
            f"{', '.join(LIBRARIES)}; if you trust its maker, allow it: {_allow(reference)}"
        )
    if not Path(reference).is_file():
        raise TeacherError(
            f"model {reference}: no such file; expected a file of torch.export; check the path"
        )
    return read_program(Path(reference), f"model {reference}")


def _allow(reference: str) -> str:
    return f"--allow-code {reference}, or `allow-code: [{reference}]` in .legonet/settings.yaml"


def _called(reference: str, module: str, name: str, allowed: Collection[str]) -> nn.Module:
    with _beside():
        spec = find_module(module)
        found, hint = no_module(module, LIBRARIES) if spec is None else no_function(spec, name)
        if found and module not in sys.modules:
            raise TeacherError(
                f"model {reference}: {found}; expected package.module:function, a block, or a model of "
                f"{' or '.join(LIBRARIES)}; correct it.{hint}"
            )
        if reference not in allowed:
            raise TeacherError(
                f"model {reference}: would run code of {module}; expected a block or one of the libraries "
                f"{', '.join(LIBRARIES)}; if you trust that code, allow it: {_allow(reference)}"
            )
        try:
            made = without_values(getattr(importlib.import_module(module), name))
        except Exception as error:  # whatever foreign code raises
            line = str(error).strip().split("\n")[0].rstrip(".")
            raise TeacherError(
                f"model {reference}: cannot be made{line_of(error)}: {type(error).__name__}: {line}; "
                "expected a function without arguments that gives an nn.Module; correct it, or its name"
            ) from error
    if not isinstance(made, nn.Module):
        raise TeacherError(
            f"model {reference}: gave {kind_of(made)}; expected an nn.Module; correct the function"
        )
    return made.eval()
