"""Images that a command line names: files, folders of them, and names on standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from legonet.errors import DataError

if TYPE_CHECKING:
    from legonet.data.photos import Photo

STANDARD_INPUT = Path("-")
LONGEST_LINE = 2**16  # characters


class GivenImages:
    """Finds images one by one; one that cannot be read is named, and the others go on.

    Args:
        given: Files, folders, and `-` for standard input, which names files and folders.

    Attributes:
        seen: How many images were found.
        problems: How many of them could not be used, and folders likewise.
    """

    def __init__(self, given: list[Path]) -> None:
        self._given = given
        self.seen = self.problems = 0

    def count(self) -> int | None:
        """How many images there are, unless some are named on standard input."""
        from legonet.data.photos import how_many

        return None if STANDARD_INPUT in self._given else how_many(self._given)

    def __iter__(self) -> Iterator[Photo]:
        from legonet.data.photos import find_photos

        for each in self._given:
            for photo in find_photos(self._named() if each == STANDARD_INPUT else each, self.tell):
                self.seen += 1
                yield photo

    def tell(self, error: DataError, photo: Photo | None = None) -> None:
        """Report what is wrong with one image or folder."""
        self.problems += 1
        print(error, file=sys.stderr)

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
