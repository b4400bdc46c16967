"""The architectures of torchvision: classification and segmentation."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from legonet.blocks.libraries.library import Library

_WEIGHTS = ("weights", "weights_backbone")


def _names() -> list[str]:
    models = importlib.import_module("torchvision.models")  # which takes seconds: it imports torch's compiler
    return models.list_models(module=models) + models.list_models(module=models.segmentation)


def _build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    models = importlib.import_module("torchvision.models")
    parameters = inspect.signature(models.get_model_builder(name)).parameters
    none = {argument: None for argument in _WEIGHTS if argument in parameters}
    return models.get_model(name, **none, **arguments)


TORCHVISION = Library(_names, _build, (*_WEIGHTS, "pretrained"))
