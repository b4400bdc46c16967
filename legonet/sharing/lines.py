"""Lines of a text that two sides have changed since they had it in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile

MOST = 5_000  # lines; of more, comparing takes too long


def merged(base: str, ours: str, theirs: str) -> str | None:
    """A text with what both sides have changed.

    What both have put at one place stands there twice, theirs first, unless it is the same.

    Args:
        base: What both began with.
        ours: As one side has it.
        theirs: As the other has it.

    Returns:
        The text; None where both have changed the same lines, or there are too many.
    """
    if ours == theirs:
        return ours
    old, mine, others = (text.splitlines(keepends=True) for text in (base, ours, theirs))
    if max(map(len, (old, mine, others))) > MOST:
        return None
    found = list[str]()
    at = (0, 0, 0)
    for stop in _common(old, mine, others):
        before, here, there = (
            lines[begin:end] for lines, begin, end in zip((old, mine, others), at, stop, strict=True)
        )
        if here in (before, there):
            found += there
        elif there == before:
            found += here
        elif not before:
            found += there + here
        else:
            return None
        found += old[stop[0] : stop[0] + 1]
        at = (stop[0] + 1, stop[1] + 1, stop[2] + 1)
    return "".join(found)


def _common(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]
) -> Iterator[tuple[int, int, int]]:
    """Where lines stand that all three have, in order; the ends of all three come last."""
    one, two = _places(base, ours), _places(base, theirs)
    for number in range(len(base)):
        if number in one and number in two:
            yield number, one[number], two[number]
    yield len(base), len(ours), len(theirs)


def _places(base: Sequence[str], other: Sequence[str]) -> dict[int, int]:
    """Where lines of the one are in the other."""
    pairs = zip(base, other, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    found = {number: number for number in range(same)}
    matcher = SequenceMatcher(None, base[same:], other[same:], autojunk=False)
    for begin, there, length in matcher.get_matching_blocks():
        found |= {same + begin + step: same + there + step for step in range(length)}
    return found
