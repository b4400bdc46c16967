"""The libraries whose architectures legonet builds, one line each, always without weights. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from legonet.blocks.libraries.library import Library
from legonet.blocks.libraries.timm import TIMM
from legonet.blocks.libraries.torchvision import TORCHVISION
from legonet.errors import BlockError
from legonet.graph.suggest import did_you_mean, listed

LIBRARIES: dict[str, Library] = {
    "torchvision": TORCHVISION,
    "timm": TIMM,
}


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
    for argument in arguments:
        if argument in library.downloads:
            raise BlockError(
                f"{where}: argument '{argument}' would download weights; a block has none; "
                "name the weights file in the teacher instead"
            )
    try:
        with torch.device(device):
            return library.build(name, arguments)
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:
        given = ", ".join(f"{argument}={value!r}" for argument, value in arguments.items())
        raise BlockError(
            f"{where}: {builder} cannot be built with {given or 'no arguments'}: {error}; "
            "correct the block's arguments"
        ) from error
