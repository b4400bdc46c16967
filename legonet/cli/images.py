"""Images that a command line names: files, folders of them, and names on standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from legonet.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

STANDARD_INPUT = Path("-")
MOST = 50_000_000  # numbers of a batch of large photos
LONGEST_LINE = 2**16  # characters


class GivenImages:
    """Finds and reads images one by one; one that cannot be read is named, and the others go on.

    Args:
        given: Files, folders, and `-` for standard input, which names files and folders.

    Attributes:
        seen: How many images were read or tried.
        problems: How many of them could not be read, and folders likewise.
    """

    def __init__(self, given: list[Path]) -> None:
        self._given = given
        self.seen = self.problems = 0

    def count(self) -> int | None:
        """How many images there are, unless some are named on standard input."""
        from legonet.data.walk import count_images

        if STANDARD_INPUT in self._given:
            return None
        return sum(count_images(each) if each.is_dir() else 1 for each in self._given)

    def batches(self, size: int, channels: int) -> Iterator[list[tuple[Path, Tensor]]]:
        """Photos in the order of their names, at most so many at a time, and those of a batch of one size.

        Args:
            size: Of a batch; large photos are fewer.
            channels: 1: grey, 3: red, green, blue.

        Yields:
            Files, each with its photo in [0, 1].
        """
        from legonet.data.pictures import read_photo

        held: list[tuple[Path, Tensor]] = []
        for file in self._files():
            self.seen += 1
            try:
                photo = read_photo(file, channels)
            except DataError as error:
                self.tell(error)
                continue
            if held and photo.shape != held[0][1].shape:
                yield held
                held = []
            held.append((file, photo))
            if len(held) == size or sum(each.numel() for _, each in held) >= MOST:
                yield held
                held = []
        if held:
            yield held

    def tell(self, error: DataError) -> None:
        """Report what is wrong with one image or folder."""
        self.problems += 1
        print(error, file=sys.stderr)

    def _files(self) -> Iterator[Path]:
        from legonet.data.walk import walk_images

        for each in self._given:
            for place in self._named() if each == STANDARD_INPUT else (each,):
                if os.path.isdir(place):  # noqa: PTH112 - never raises, whatever the name
                    yield from walk_images(place, self.tell)
                else:
                    yield place

    def _named(self) -> Iterator[Path]:
        """What standard input names, one per line, as it comes."""
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="surrogateescape")  # a file's name may be any bytes
        none = True
        for line in iter(lambda: sys.stdin.readline(LONGEST_LINE), ""):
            if len(line) == LONGEST_LINE and not line.endswith("\n"):
                self.tell(
                    DataError(
                        f"standard input: a line of more than {LONGEST_LINE:,} characters; expected names of "
                        "files, one per line"
                    )
                )
                return
            if name := line.removeprefix("\ufeff").rstrip("\r\n"):
                none = False
                yield Path(name)
        if none:
            self.tell(DataError("standard input: names no image; expected names of files, one per line"))
