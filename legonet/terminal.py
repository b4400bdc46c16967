"""What reaches the terminal: no control characters of names and texts that strangers chose.

A terminal obeys them: they colour, hide and overwrite what stands there, and worse. The streams of every
command are wrapped here, so that no command has to think of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from rich.console import Console

# C0 but for tabs and ends of lines, DEL, C1; marks that turn the order of letters; two more ends of lines.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """A text whose control characters are shown as Python writes them, by their numbers."""
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def in_one_line(text: str) -> str:
    """Likewise, tabs and ends of lines too."""
    return printable(text).replace("\t", "\\t").replace("\n", "\\n")


class _Printable:
    """A stream that shows what is printable; it is the stream in all else."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write some."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def printable_streams() -> Iterator[None]:
    """Wrap standard output and standard error."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast("TextIO", _Printable(each)) for each in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def console(*, stderr: bool = False) -> Console:
    """A console of rich, whose own colours reach the terminal, and nobody else's."""
    from rich.console import Console
    from rich.segment import Segment

    class Printing(Console):
        def _render_buffer(self, buffer: Any) -> str:
            shown = [each if each.control else Segment(printable(each.text), each.style) for each in buffer]
            return super()._render_buffer(shown)

    stream = sys.stderr if stderr else sys.stdout
    return Printing(file=getattr(stream, "stream", stream), highlight=False)
