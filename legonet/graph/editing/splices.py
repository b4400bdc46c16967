"""Parts of a text that others take the place of, and the way back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from legonet.errors import GraphError, Problem
from legonet.graph.editing.operations import Restore, Span

Splice = tuple[int, int, str]  # start, end, what stands there afterwards


class OverlapError(ValueError):
    """Two splices want the same characters."""


def spliced(text: str, splices: Iterable[Splice]) -> tuple[str, Restore]:
    """The text with splices made, and what takes them back.

    Args:
        text: The text that they name places of.
        splices: In any order; of those at one place, what inserts comes in the order given.

    Raises:
        OverlapError: Two of them overlap.
    """
    parts: list[str] = []
    back: list[Span] = []
    at = length = 0
    for start, end, new in _merged(splices):
        if start < at:
            raise OverlapError
        parts += (text[at:start], new)
        length += start - at
        if text[start:end] != new:
            back.append(Span(start=length, old=new, new=text[start:end]))
        length += len(new)
        at = end
    result = "".join([*parts, text[at:]])
    return result, Restore(sha256=_sha256(result), spans=tuple(back))


def restored(text: str, edit: Restore, source: str) -> tuple[str, Restore]:
    """The text that an edit was made of, and what makes the edit again.

    Raises:
        GraphError: The text is another one than the edit gave.
    """
    fits = _sha256(text) == edit.sha256
    splices = [(span.start, span.start + len(span.old), span.new) for span in edit.spans]
    if fits and all(text.startswith(span.old, span.start) for span in edit.spans):
        try:
            return spliced(text, splices)
        except OverlapError:
            pass
    parts = ("the text has changed since the edit", "expected the text that the edit gave")
    raise GraphError.of(Problem(*parts, "read the file again, and make the change by hand", source))


def _merged(splices: Iterable[Splice]) -> list[Splice]:
    """Splices in the order of the text; what is removed twice is removed once."""
    result: list[Splice] = []
    for start, end, new in sorted(splices, key=lambda each: each[:2]):
        if result and not new and not result[-1][2] and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]), "")
        else:
            result.append((start, end, new))
    return result


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
