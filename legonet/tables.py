"""Text in columns: aligned, never wrapped, so that a line stays a line in a pipe; and tables of Markdown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from legonet.terminal import printable


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows as lines with aligned columns.

    Args:
        rows: Of equal length.
        right: Columns that are aligned to the right, such as numbers.
    """

    def blank(cell: str, width: int) -> str:
        return " " * (width - _cells(cell))

    widths = [max(map(_cells, column)) for column in zip(*rows, strict=True)]
    lines = (
        [
            blank(cell, width) + cell if number in right else cell + blank(cell, width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    )
    return ["  ".join(cells).rstrip() for cells in lines]


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes: letters of East Asia take two, marks on letters none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, in one line: labels are of whoever wrote the graph file.

    Control characters, and those that turn the order of letters, are shown by their numbers.
    """
    return re.sub(r"[\\`*_\[\]<>|&~#!$]", r"\\\g<0>", printable(" ".join(text.split())))


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; its cells are shown as they are."""
    lines = [heads, ["---"] * len(heads), *([*map(escaped, row)] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
