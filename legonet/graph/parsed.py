"""What the YAML and JSON readers have in common: their result and their limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from legonet.errors import GraphError
from legonet.graph.positions import Positions
from legonet.graph.problems import Problem, format_report
from legonet.graph.scalars import MOST_DIGITS

DEEPEST = 64
MOST_NODES = 500_000
MOST_ALIASED = 100_000
MOST_PROBLEMS = 10_000


@dataclass
class Parsed:
    """A file's plain data, where everything stands in it, and what is wrong with the text itself."""

    data: Any
    positions: Positions
    source: str
    problems: list[Problem] = field(default_factory=list)

    def or_raise(self) -> tuple[Any, Positions]:
        """Data and positions.

        Raises:
            GraphError: the text has problems; the message is the whole report.
        """
        if self.problems:
            raise GraphError(format_report(self.problems, self.source, self.positions))
        return self.data, self.positions


def duplicate(key: str, first_line: int) -> str:
    """The message about a key that a mapping has twice."""
    return f"already at line {first_line}; expected each key once; remove or rename one of them"


def bad_number(written: str) -> str:
    """The message about a number that no field can hold."""
    words = f"expected a finite number of at most {MOST_DIGITS} characters"
    return f"found {written}; {words}; correct it, or put text in quotes"


def too_deep(source: str, line: int, column: int) -> GraphError:
    """The error about too many levels."""
    return GraphError(
        f"{source}:{line}:{column}: nested deeper than {DEEPEST} levels; expected a graph or block file, "
        "which has fewer than ten; is this another kind of file?"
    )


def too_many(source: str, line: int, column: int) -> GraphError:
    """The error about too many values."""
    return GraphError(
        f"{source}:{line}:{column}: more than {MOST_NODES:,} keys and values; expected fewer; "
        "split the file or generate the network in code"
    )
