"""The images of a folder of any size, in order, while few of their names are held. Needs no torch.

A folder tells its entries in no order, and to sort them all is to hold them all. So it is read in passes:
each takes the names that come next, at most `HELD` of them. That is one pass for most folders, and four
for 100,000 images.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from legonet.errors import DataError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
HELD = 2**15  # names of a folder that are held at a time

Problem = Callable[[DataError], None]


def walk_images(folder: Path, tell: Problem) -> Iterator[Path]:
    """Images in a folder and in those below it, ordered by name, folders among the files.

    Hidden files and folders are left out, and links to folders are not followed. What is put into a folder
    while it is walked may come or not.

    Args:
        folder: where to look.
        tell: is told of a folder that cannot be read, or of a whole without any image; the walk goes on.
    """
    none = True
    for image in _below(folder, tell):
        none = False
        yield image
    if none:
        tell(DataError(f"{folder}: holds no image; expected files ending in {', '.join(EXTENSIONS)}"))


def count_images(folder: Path) -> int:
    """How many images `walk_images` would find, of folders that can be read."""
    try:
        with os.scandir(folder) as entries:
            return sum(count_images(Path(each)) if _is_folder(each) else _is_image(each) for each in entries)
    except OSError:
        return 0


def _below(folder: Path, tell: Problem) -> Iterator[Path]:
    try:
        for name, is_folder in _in_order(folder):
            if is_folder:
                yield from _below(folder / name, tell)
            else:
                yield folder / name
    except OSError as error:
        tell(DataError(f"{folder}: cannot be read ({error.strerror or error}); expected a folder of images"))


def _in_order(folder: Path) -> Iterator[tuple[str, bool]]:
    """Names of images and folders, and which are folders."""
    last = ""
    while True:
        with os.scandir(folder) as entries:
            later = (each for each in entries if each.name > last and (_is_folder(each) or _is_image(each)))
            found = heapq.nsmallest(HELD, ((each.name, _is_folder(each)) for each in later))
        yield from found
        if len(found) < HELD:
            return
        last = found[-1][0]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether it is called as an image is; a link that leads nowhere counts, so that somebody is told."""
    name = entry.name
    named = not name.startswith(".") and name.lower().endswith(EXTENSIONS)
    return named and (entry.is_file() or (entry.is_symlink() and not entry.is_dir()))
