"""Models that a library builds: `torchvision:resnet18`, or `torchvision:resnet18(num_classes=2)`."""

from __future__ import annotations

import ast
import re
from typing import Any

from torch import nn

from legonet.blocks.libraries.table import LIBRARIES, build_model
from legonet.blocks.weightless import without_values
from legonet.errors import BlockError
from legonet.teachers.models.source import Lookup, ModelSource

_CALL = re.compile(r"(?P<builder>[^()]+)\((?P<arguments>[^()]*)\)")


def _is_library(reference: str) -> bool:
    return reference.partition(":")[0] in LIBRARIES


def _find(reference: str, lookup: Lookup) -> nn.Module:
    builder, arguments = read_reference(reference)
    return without_values(lambda: build_model(builder, arguments, where="model")).eval()


def read_reference(reference: str) -> tuple[str, dict[str, Any]]:
    """The builder, and its arguments: names with numbers, texts or flags, as Python writes them.

    Raises:
        BlockError: They are something else.
    """
    if "(" not in reference:
        return reference, {}
    written = _CALL.fullmatch(reference.strip())
    try:
        if written is None:
            raise ValueError("no call")
        call: Any = ast.parse(f"f({written['arguments']})", mode="eval").body
        if call.args or any(each.arg is None for each in call.keywords):
            raise ValueError("an argument without a name")
        arguments = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise BlockError(
            f"model: {reference}: found arguments that cannot be read; expected a call such "
            "as torchvision:resnet18(num_classes=2); correct them"
        ) from error
    return written["builder"].strip(), arguments


def with_argument(reference: str, name: str, value: object) -> str | None:
    """A library's model with one more argument; None if it has that, or is no library's."""
    if not _is_library(reference):
        return None
    builder, arguments = read_reference(reference)
    if name in arguments:
        return None
    written = ", ".join(f"{key}={each!r}" for key, each in {**arguments, name: value}.items())
    return f"{builder}({written})"


LIBRARY = ModelSource(_is_library, _find)
