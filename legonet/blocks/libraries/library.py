"""What legonet asks of a library of architectures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Library:
    """A library of architectures; neither function may download anything.

    Attributes:
        names: Lists the models that it can build; raises ImportError where the library is not installed.
        build: Makes a module with random weights from a model's name and arguments.
        downloads: The arguments that would download weights; a block may not give them.
    """

    names: Callable[[], list[str]]
    build: Callable[[str, Mapping[str, Any]], nn.Module]
    downloads: tuple[str, ...]
