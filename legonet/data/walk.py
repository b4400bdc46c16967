"""The images of a folder of any size, in order, while few of their names are held. Needs no torch.

A folder tells its entries in no order, and to sort them all is to hold them all. So it is read in passes:
each takes the names that come next, at most `HELD` of them. That is one pass for most folders, and thirteen
for 100,000 images.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from legonet.errors import DataError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
MASK = ".mask"  # ends the stem of a mask's name: NAME.mask.png lies beside the image NAME
HELD = 2**13  # names of a folder that are taken at a time; up to three times as many are held

Problem = Callable[[DataError], None]


def walk_images(folder: Path, tell: Problem) -> Iterator[Path]:
    """Images in a folder and in those below it, in the order of their whole names.

    Hidden files and folders are left out, and so are masks beside their images; links to folders are not
    followed. What is put into a folder while it is walked may come or not.

    Args:
        folder: Where to look.
        tell: Called with the error where a folder cannot be read or the whole has no image; the walk goes on.
    """
    none = True
    for image in _below(folder, tell):
        none = False
        yield image
    if none:
        tell(
            DataError(
                f"{folder}: holds no image; expected files ending in {', '.join(EXTENSIONS)}; put some there"
            )
        )


def count_images(folder: Path) -> int:
    """How many images `walk_images` would find, of folders that can be read."""
    count, folders = 0, [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for each in entries:
                if _is_folder(each):
                    folders.append(each.path)
                else:
                    count += _is_image(each)
    return count


def _below(folder: Path, tell: Problem) -> Iterator[Path]:
    """Folders may lie in each other deeper than Python calls functions."""
    above = [(folder, _names(folder))]
    while above:
        folder, names = above[-1]
        try:
            name = next(names, None)
        except OSError as error:
            tell(
                DataError(
                    f"{folder}: cannot be read ({error.strerror or error}); expected a folder of images; "
                    "check its permissions"
                )
            )
            name = None
        if name is None:
            above.pop()
        elif name.endswith("/"):
            above.append((folder / name, _names(folder / name)))
        else:
            yield folder / name


def _names(folder: Path) -> Iterator[str]:
    """All names of `_next`, in order."""
    last, more = "", True
    while more:
        names = _next(folder, last)
        more = len(names) == HELD
        yield from names
        last = names[-1] if names else ""


def _next(folder: Path, last: str) -> list[str]:
    """The first `HELD` names after the last one, sorted: of images, and of folders with a / behind."""
    found: list[str] = []
    bound = None
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{entry.name}/" if _is_folder(entry) else entry.name if _is_image(entry) else ""
            if name > last and (bound is None or name < bound):
                found.append(name)
                if len(found) == 2 * HELD:
                    found.sort()
                    del found[HELD:]
                    bound = found[-1]
    found.sort()
    return found[:HELD]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether it is called as an image is; a link that leads nowhere counts, so that somebody is told."""
    name = entry.name
    named = not name.startswith(".") and name.lower().endswith(EXTENSIONS)
    return named and (entry.is_file() or (entry.is_symlink() and not entry.is_dir())) and not _is_mask(entry)


def _is_mask(entry: os.DirEntry[str]) -> bool:
    """Whether it is called NAME.mask.png, and an image NAME lies beside it."""
    image = entry.path.removesuffix(f"{MASK}.png")
    return image != entry.path and any(
        os.path.lexists(f"{image}{each}") for ending in EXTENSIONS for each in (ending, ending.upper())
    )
