"""Paths that a command which takes every built one does without."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from legonet.network import Network


def tell_unbuilt(network: Network, graph: Path, asked: Sequence[str] | None) -> None:
    """Say on standard error which paths are left out because nobody has built them yet.

    Args:
        network: Of the graph.
        graph: Its file, as the user named it.
        asked: The paths that the user named; where there are some, none was left out.
    """
    if asked:
        return
    waiting = [each.path for each in network.plan().by_path.values() if each.action in ("add", "refit")]
    if waiting:
        found = f"{waiting[0]} is" if len(waiting) == 1 else f"{len(waiting)} paths are"
        print(f"note: {found} not built; run `legonet transplant {graph}`", file=sys.stderr)
