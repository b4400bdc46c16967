"""Problems of a file, and the report that lists them in file order."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from legonet.graph.positions import At, KeyPath, Positions, dotted
from legonet.graph.suggest import did_you_mean

LONGEST_REPORT = 100


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        key: keys and list indices from the file's outermost mapping inwards; () is the whole file.
        message: what was found; what was expected; what to do.
        at: whether the report points at the key or at the value.
        known: names that exist; the report adds "Did you mean" for the one most like `word`.
        word: the misspelt name.
        position: line and column, where the key path does not lead there.
    """

    key: KeyPath
    message: str
    at: At = "value"
    known: Collection[str] = ()
    word: str = ""
    position: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """The message with its suggestion."""
        suggestion = did_you_mean(self.word, self.known) if self.word else ""
        return self.message + suggestion


def format_report(problems: Iterable[Problem], source: str, positions: Positions | None = None) -> str:
    """All problems of one file, one per line, in file order.

    Args:
        problems: what is wrong; equal ones are listed once.
        source: the file as the user named it.
        positions: where the keys stand; without it (a graph built in code) no line is named.

    Returns:
        Lines `file:line:column: dotted.key: message`; after 100 of them, how many more there are.
    """
    placed: list[tuple[tuple[int, int], Problem]] = []
    for problem in problems:
        where = problem.position or (positions.find(problem.key, problem.at) if positions else (0, 0))
        placed.append((where, problem))
    placed.sort(key=lambda pair: pair[0])
    lines: dict[str, None] = {}
    for number, ((line, column), problem) in enumerate(placed):
        if len(lines) >= LONGEST_REPORT:
            lines[f"{source}: and {len(placed) - number} more problems"] = None
            break
        prefix = f"{source}:{line}:{column}: " if line else f"{source}: "
        key = dotted(problem.key)
        lines[f"{prefix}{key + ': ' if key else ''}{problem.text}"] = None
    return "\n".join(lines)
