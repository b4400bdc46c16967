"""Paths that stay below a folder, whatever a stranger has put there. Needs no torch."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from legonet.errors import StoreError


def expect_inside(root: Path, path: Path) -> Path:
    """A path below a folder that is about to be written, or that holds what legonet itself wrote.

    Args:
        root: The folder; links above it are the user's own.
        path: Absolute; it need not exist.

    Returns:
        The path, `..` resolved.

    Raises:
        StoreError: It is not below the folder, or a part of it that is below is a link.
    """
    if not path.is_relative_to(root):
        root = root.resolve()
    if not path.is_relative_to(root):
        raise _outside(root, path)
    place = root
    for part in path.relative_to(root).parts:
        place = place / part
        if _is_link(place):
            raise StoreError(
                f"{place}: a link; expected the file or folder itself, since whoever made this workspace may "
                "have made the link too; put there what it leads to"
            )
    inside = Path(os.path.normpath(path))
    if not inside.is_relative_to(os.path.normpath(root)):
        raise _outside(root, path)
    return inside


def _is_link(place: Path) -> bool:
    try:
        return stat.S_ISLNK(place.lstat().st_mode)
    except (OSError, ValueError):  # not there, or no path: what opens it says so
        return False


def _outside(root: Path, path: Path) -> StoreError:
    return StoreError(f"{path}: is outside of {root}; expected a path inside it; correct it")
