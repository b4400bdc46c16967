"""The architectures of timm, which comes with the extra `zoo`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from legonet.blocks.libraries.library import Library


def _names() -> list[str]:
    return importlib.import_module("timm").list_models()


def _build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    return importlib.import_module("timm").create_model(name, pretrained=False, **arguments)


TIMM = Library(_names, _build, ("pretrained",))
