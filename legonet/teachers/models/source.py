"""What legonet asks of a source of models: what a reference of it looks like, and how its model is found."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from legonet.teachers.models.allowed import allowed_code, permissions_file


@dataclass(frozen=True)
class Lookup:
    """Where models are looked up.

    Attributes:
        block_folders: The folders of blocks.
        allowed: References to code that the command line allows to be run.
        workspace: The root of the workspace, for which the user may allow more.
        own_weights: Code that makes a model gives its weights too.
    """

    block_folders: Sequence[Path]
    allowed: Collection[str] = ()
    workspace: Path | None = None
    own_weights: bool = False

    def permission(self, reference: str, name: str) -> Path | None:
        """The folder that code may be run from besides what is installed; None where it may not be run.

        Args:
            reference: As it was given.
            name: The function, or the real path of the file.

        Raises:
            StoreError: The user's file of permissions cannot be read.
        """
        if reference in self.allowed:
            return Path.cwd()
        return self.workspace if self.workspace and name in allowed_code(self.workspace) else None

    def how_to_allow(self, reference: str) -> str:
        """How a user allows code to be run, for messages."""
        option = f"--allow-code {reference}"
        try:
            place = permissions_file()
        except RuntimeError:  # no home
            return option
        root = Path.cwd() if self.workspace is None else self.workspace
        name = reference if ":" in reference else os.path.relpath(os.path.realpath(reference), root.resolve())
        return f"{option}, or `{root.resolve()}: [{name}]` in {place}"


@dataclass(frozen=True)
class ModelSource:
    """A source of models.

    Attributes:
        takes: Whether a reference is one of this source; sources are asked in the order of their table.
        find: Builds the model that a reference names; raises a LegonetError where it cannot be had.
    """

    takes: Callable[[str], bool]
    find: Callable[[str, Lookup], nn.Module]
