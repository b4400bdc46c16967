"""Images that are at hand: those of the workspace, and those that come with legonet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from legonet.store.workspace import Workspace, shipped_folder

MOST = 200
_DEEPEST = 4
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_FOLDER = "images"


def samples(workspace: Workspace, sides: tuple[int, int]) -> dict[str, Path]:
    """The images by name, such as `cat/1.png`; no link is followed.

    Args:
        workspace: Whose images come first.
        sides: Height and width that the network sees; photos are offered where these are no thumbnails.
    """
    found: dict[str, Path] = {}
    for folder in (workspace.root / _FOLDER, shipped_folder("images")):
        for path in _images(folder):
            found.setdefault(path.relative_to(folder).as_posix(), path)
    if min(sides) > 64:
        photos = Path(__file__).parents[1] / "data" / "public_photos"
        found = {f"photos/{path.name}": path for path in _images(photos)} | found
    return dict(list(found.items())[:MOST])


def _images(folder: Path) -> Iterator[Path]:
    """Image files that are no masks, in the order of their names."""
    if folder.is_symlink():
        return
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(folders) if len(here.relative_to(folder).parts) < _DEEPEST else []
        for name in sorted(files)[: 10 * MOST]:
            path = here / name
            wanted = name.lower().endswith(_SUFFIXES) and ".mask." not in name
            if wanted and not path.is_symlink() and path.is_file():
                yield path
