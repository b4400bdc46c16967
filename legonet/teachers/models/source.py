"""What legonet asks of a source of models: what a reference of it looks like, and how its model is found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn


@dataclass(frozen=True)
class Lookup:
    """Where models are looked up.

    Attributes:
        block_folders: The folders of blocks.
        allowed: References to code that the user allows to be run.
        own_weights: Code that makes a model gives its weights too.
    """

    block_folders: Sequence[Path]
    allowed: Collection[str] = ()
    own_weights: bool = False


@dataclass(frozen=True)
class ModelSource:
    """A source of models.

    Attributes:
        takes: Whether a reference is one of this source; sources are asked in the order of their table.
        find: Builds the model that a reference names; raises a LegonetError where it cannot be had.
    """

    takes: Callable[[str], bool]
    find: Callable[[str, Lookup], nn.Module]


def how_to_allow(reference: str) -> str:
    """How a user allows code to be run, for messages."""
    return f"--allow-code {reference}, or `allow-code: [{reference}]` in .legonet/settings.yaml"
