"""Images that a command line names: files, folders of them, and names on standard input."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from legonet import foreign
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

    def __bool__(self) -> bool:
        """Whether there is anything left that may have images."""
        return bool(self._given)

    def tell_missing(self) -> None:
        """Report what is named and is not there, and leave it out: before anything is made ready for it."""
        self._given = [each for each in self._given if each == STANDARD_INPUT or self._is_there(each)]

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

    def _is_there(self, path: Path) -> bool:
        if os.path.exists(path):  # noqa: PTH110 - never raises, whatever the name
            return True
        try:
            foreign.opened(path, foreign.IMAGE, follow=True).close()
        except DataError as error:
            self.tell(error)
            if re.fullmatch(r"[\w-]+:[\w-]+", str(path)):
                print(f"Paths are chosen by an option: --path {path}", file=sys.stderr)
            return False
        return True

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
