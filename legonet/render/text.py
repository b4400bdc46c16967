"""Text in diagrams: cleaned of what no format can carry, measured, and shortened to fit."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# fmt: off
# Advance widths of Helvetica (those of Arial, Arimo and Liberation Sans too), characters 32 to 126, in
# 1/1000 em.
# Source: Adobe Core 14 AFM files, Helvetica and Helvetica-Bold.
_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778,
    722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278,
    278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778,
    722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333,
    278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)
# fmt: on
_NARROW_LATIN = 556
_OTHER = 667
_WIDE = 1000
_MARKS = {"\N{NO-BREAK SPACE}": 278, "\N{MIDDLE DOT}": 278, "\N{MULTIPLICATION SIGN}": 584}

_ELLIPSIS = "…"


def clean(text: str) -> str:
    """Text that XML, DOT and Mermaid can all carry on one line.

    Control characters and line breaks become spaces; surrogates and noncharacters become U+FFFD; marks that
    turn the direction of the text around them are dropped, so that a label cannot reorder its neighbours.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_carried, text))
    return " ".join(word for word in text.split(" ") if word)


def _carried(character: str) -> str:
    code = ord(character)
    if character.isspace() and character != "\N{NO-BREAK SPACE}":
        return " "
    category = unicodedata.category(character)
    if category == "Cc":
        return " "
    if category == "Cs" or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE:
        return "\N{REPLACEMENT CHARACTER}"
    if unicodedata.bidirectional(character) in _BIDIRECTIONAL_CONTROLS:
        return ""
    return character


_BIDIRECTIONAL_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


@lru_cache(4096)
def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text is in Helvetica, in the unit of `size`; an estimate outside ASCII."""
    table = _BOLD if bold else _REGULAR
    return sum(_advance(character, table) for character in text) * size / 1000


def _advance(character: str, table: tuple[int, ...]) -> int:
    code = ord(character)
    if 32 <= code <= 126:
        return table[code - 32]
    if character in _MARKS:
        return _MARKS[character]
    if unicodedata.combining(character):
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    return _NARROW_LATIN if code < 0x250 else _OTHER


def fit(text: str, limit: float, size: float, *, bold: bool = False) -> str:
    """The text, or as much of its two ends as is no wider than `limit`, joined by an ellipsis.

    Both ends, since names that share a beginning differ at the end.
    """
    if width(text, size, bold=bold) <= limit:
        return text
    for kept in range(len(text) - 1, 0, -1):
        head = text[: (kept + 1) // 2].rstrip()
        tail = text[len(text) - kept // 2 :].lstrip() if kept > 1 else ""
        shortened = f"{head}{_ELLIPSIS}{tail}"
        if width(shortened, size, bold=bold) <= limit:
            return shortened
    return _ELLIPSIS
