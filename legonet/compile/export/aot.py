"""torch's AOTInductor: machine code with weights, for any number of photos of any size, in a .pt2 package.

Needs a C++ compiler. The code is for processors like the one that it was made on.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from legonet.compile.export.pt2 import CARD as PLAIN_CARD
from legonet.compile.options import finds_compiler
from legonet.errors import ExportError, first_line

CARD = "legonet"


def write_aot(plain: Path, path: Path) -> None:
    """Write it, the signature among the metadata.

    Args:
        plain: The network in torch.export's format.
        path: What is written.

    Raises:
        ExportError: The compiler cannot do it.
    """
    extra = {PLAIN_CARD: ""}
    with _quiet():
        program = torch.export.load(plain, extra_files=extra)
        settings = {"aot_inductor.metadata": {CARD: extra[PLAIN_CARD]}}
        inductor: Any = torch._inductor
        try:
            inductor.aoti_compile_and_package(program, package_path=str(path), inductor_configs=settings)
        except Exception as error:  # whatever the compiler and torch's own passes raise
            raise ExportError(
                f"{path.name}: torch cannot compile it ({first_line(error)}); expected code for this "
                "machine; leave aot out, or look at the compiler"
            ) from error


def load_aot(path: Path) -> Callable[[Tensor], Mapping[str, Tensor]]:
    """Load it as a user does; outputs by path."""
    with _quiet():
        inductor: Any = torch._inductor
        module = inductor.aoti_load_package(str(path))
    paths = list(json.loads(module.loader.get_metadata()[CARD])["outputs"])

    def run(images: Tensor) -> Mapping[str, Tensor]:
        try:
            with torch.no_grad():
                output = module(images)
        except RuntimeError as error:  # of boxes, whose number it takes to be bounded, and the like
            raise ExportError(
                f"{path.name}: the machine code does not take {len(images)} images ({first_line(error)}); "
                "expected that it takes any; leave aot out"
            ) from error
        return {paths[0]: output} if isinstance(output, Tensor) else output

    return run


def expect_compiler(path: Path) -> None:
    """Refuse to compile where there is nothing that does it.

    Raises:
        ExportError: There is no C++ compiler.
    """
    if not finds_compiler():
        raise ExportError(
            f"{path}: found no C++ compiler, which aot needs; expected g++, clang++ or what CXX names; "
            "install one, or leave aot out"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says of itself."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
