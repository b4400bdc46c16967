"""Architectures that a library builds, always without its weights: nothing is downloaded. Needs torch."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from legonet.errors import BlockError
from legonet.graph.suggest import did_you_mean, listed

_WEIGHTS = ("weights", "weights_backbone")


@dataclass(frozen=True)
class Library:
    """A library of architectures.

    Attributes:
        names: Lists the models that it can build.
        build: Model's name and arguments to a module with random weights.
    """

    names: Callable[[], list[str]]
    build: Callable[[str, Mapping[str, Any]], nn.Module]


def _torchvision_names() -> list[str]:
    models = importlib.import_module("torchvision.models")  # which takes seconds: it imports torch's compiler
    return models.list_models(module=models) + models.list_models(module=models.segmentation)


def _torchvision(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    models = importlib.import_module("torchvision.models")
    parameters = inspect.signature(models.get_model_builder(name)).parameters
    none = {argument: None for argument in _WEIGHTS if argument in parameters}
    return models.get_model(name, **none, **arguments)


def _timm_names() -> list[str]:
    return importlib.import_module("timm").list_models()


def _timm(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    return importlib.import_module("timm").create_model(name, pretrained=False, **arguments)


LIBRARIES: dict[str, Library] = {
    "torchvision": Library(_torchvision_names, _torchvision),
    "timm": Library(_timm_names, _timm),
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
        if argument in _WEIGHTS or argument == "pretrained":
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
