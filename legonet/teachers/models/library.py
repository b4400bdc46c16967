"""Models that a library builds: `torchvision:resnet18`."""

from __future__ import annotations

from torch import nn

from legonet.blocks.libraries.table import LIBRARIES, build_model
from legonet.blocks.weightless import without_values
from legonet.teachers.models.source import Lookup, ModelSource


def _is_library(reference: str) -> bool:
    return reference.partition(":")[0] in LIBRARIES


def _find(reference: str, lookup: Lookup) -> nn.Module:
    return without_values(lambda: build_model(reference, {}, where="model")).eval()


LIBRARY = ModelSource(_is_library, _find)
