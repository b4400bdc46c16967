"""Did-you-mean suggestions and lists of names for messages."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from itertools import islice

_SHOWN = 8
_MOST_LINES = 20
_LONGEST = 128


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a misspelt one.

    Args:
        word: What was written.
        known: The names that exist.

    Returns:
        The best match, or None when nothing is similar.
    """
    word = word[:_LONGEST]
    by_folded: dict[str, str] = {}
    for name in known:
        by_folded.setdefault(name.casefold().replace("_", "-"), name)
    folded = word.casefold().replace("_", "-")
    if folded in by_folded:
        return by_folded[folded]
    matches = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The sentence ` Did you mean 'x'?`, or nothing when no name is similar."""
    match = closest(word, known)
    return f" Did you mean '{match}'?" if match is not None else ""


def kind_of(value: object) -> str:
    """The type of a value with its article, such as "an int"; torch.fx's own lists are lists."""
    name = type(value).__name__.removeprefix("immutable_")
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def listed(names: Collection[str], last: str = ", ") -> str:
    """Names in their order, with commas; a long list is cut and says how many follow.

    Args:
        names: What to list.
        last: What stands before the last name, such as `" or "`.
    """
    shown = list(islice(names, _SHOWN))
    if len(names) > _SHOWN + 1:
        return f"{', '.join(shown)} and {len(names) - _SHOWN} more"
    shown = list(names)
    return last.join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def in_lines(problems: Sequence[str]) -> str:
    """Problems below each other and indented; a long list is cut and says how many follow."""
    shown = list(problems[:_MOST_LINES])
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown)} more")
    return "\n".join(f"  {each}" for each in shown)
