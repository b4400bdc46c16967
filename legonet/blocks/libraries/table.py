"""The libraries whose architectures legonet builds, one line each, always without weights. Needs torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from legonet.blocks.libraries.library import Library
from legonet.blocks.libraries.timm import TIMM
from legonet.blocks.libraries.torchvision import TORCHVISION
from legonet.errors import BlockError, first_line
from legonet.graph.suggest import did_you_mean, listed

LIBRARIES: dict[str, Library] = {
    "torchvision": TORCHVISION,
    "timm": TIMM,
}


_PLAIN = (str, bool, int, float, type(None))
# What names a file, a folder or an address, in both libraries: checkpoint_path, cache_dir, pretrained_cfg, …
_REACHES = re.compile(
    r"weights|pretrained|checkpoint|cache|hub|url|(?:^|_)(?:path|paths|dir|file|files|cfg|config)(?:_|$)"
)
_SMALL = 8192  # no parameter is too large where all numbers are at most so
_LARGEST = 2**29  # numbers of one parameter


def build_model(
    builder: str, arguments: Mapping[str, Any], device: str = "cpu", *, where: str = "builder"
) -> nn.Module:
    """Build a library's model with random weights.

    Args:
        builder: `library:model`, such as `torchvision:vgg16`.
        arguments: Keyword arguments of the library's function, such as `num_classes`.
        device: Where the weights are made; "meta" makes none.
        where: What messages call the builder.

    Returns:
        The model.

    Raises:
        BlockError: There is no such library or model, or it does not take these arguments.
    """
    library_name, _, name = builder.partition(":")
    library = LIBRARIES.get(library_name)
    if library is None:
        raise BlockError(
            f"{where}: no library '{library_name}'; libraries are {listed(LIBRARIES)}."
            f"{did_you_mean(library_name, LIBRARIES)}"
        )
    try:
        names = library.names()
    except ImportError as error:
        raise BlockError(
            f"{where}: {library_name} is not installed; expected it; run: pip install 'legonet[zoo]'"
        ) from error
    if name not in names:
        raise BlockError(
            f"{where}: {library_name} has no model '{name}'; models are {listed(names)}."
            f"{did_you_mean(name, names)}"
        )
    for argument, value in arguments.items():
        if argument in library.downloads:
            raise BlockError(
                f"{where}: argument '{argument}' would download weights; a block has none; "
                "name the weights file in the teacher instead"
            )
        if _REACHES.search(argument) or not isinstance(value, _PLAIN):
            raise BlockError(
                f"{where}: argument '{argument}' may reach for files, or is not a plain value; expected "
                "numbers, texts and flags that shape the model; leave it out"
            )
    try:
        if any(type(value) is int and abs(value) > _SMALL for value in arguments.values()):
            _expect_bounded(library, name, arguments)
        with torch.device(device):
            return library.build(name, arguments)
    except BlockError:
        raise
    except Exception as error:  # of a library, which raises anything
        given = ", ".join(f"{argument}={value!r}" for argument, value in arguments.items())
        raise BlockError(
            f"{where}: {builder} cannot be built with {given or 'no arguments'}: {first_line(error)}; "
            "correct the block's arguments"
        ) from error


def _expect_bounded(library: Library, name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse a model with a parameter that takes more memory than any has; without taking it."""
    with torch.device("meta"):
        largest = max((each.numel() for each in library.build(name, arguments).parameters()), default=0)
    if largest > _LARGEST:
        raise ValueError(f"a parameter would have {largest:,} numbers, more than {_LARGEST:,}")
