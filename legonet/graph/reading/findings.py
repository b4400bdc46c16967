"""Problems at key paths, which get their lines and columns when they are reported."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from legonet import errors
from legonet.graph.reading.positions import At, KeyPath, Positions, dotted
from legonet.graph.suggest import did_you_mean


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong at a key path.

    Attributes:
        key: keys and list indices from the file's outermost mapping inwards; () is the whole file.
        found: what was found.
        expected: what was expected.
        advice: what to do.
        at: whether the report points at the key or at the value.
        known: names that exist; the report adds "Did you mean" for the one most like `word`.
        word: the misspelt name.
        position: line and column, where the key path does not lead there.
    """

    key: KeyPath
    found: str
    expected: str = ""
    advice: str = ""
    at: At = field(default="value", kw_only=True)
    known: Collection[str] = field(default=(), kw_only=True)
    word: str = field(default="", kw_only=True)
    position: tuple[int, int] | None = field(default=None, kw_only=True)

    def located(self, source: str, positions: Positions | None, suggest: bool) -> errors.Problem:
        """The problem with the place of its key, and if asked for with the name that may be meant."""
        line, column = self.position or (positions.find(self.key, self.at) if positions else (None, None))
        meant = did_you_mean(self.word, self.known) if suggest and self.word else ""
        advice = (self.advice + meant).lstrip()
        return errors.Problem(self.found, self.expected, advice, source, line, column, dotted(self.key))


def located(
    problems: Iterable[Finding], source: str, positions: Positions | None = None
) -> list[errors.Problem]:
    """All problems of one file with their places, in file order.

    Args:
        problems: what is wrong; equal ones are listed once.
        source: the file as the user named it.
        positions: where the keys stand; without it (a graph built in code) no line is named.

    Returns:
        The problems; only those that a report shows say which name may be meant, since looking for it
        takes a while.
    """
    first: dict[errors.Problem, Finding] = {}
    for problem in problems:
        first.setdefault(problem.located(source, positions, suggest=False), problem)
    placed = sorted(first, key=lambda each: (each.line or 0, each.column or 0))
    shown = placed[: errors.LONGEST_REPORT]
    return [first[each].located(source, positions, suggest=True) for each in shown] + placed[len(shown) :]


def format_report(problems: Iterable[Finding], source: str, positions: Positions | None = None) -> str:
    """The report of all problems of one file, as in `located`, one per line."""
    return errors.report(located(problems, source, positions))
