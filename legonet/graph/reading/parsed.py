"""What the YAML and JSON readers have in common: their result and their limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from legonet import errors
from legonet.errors import GraphError
from legonet.graph.reading.findings import Finding, located
from legonet.graph.reading.positions import Positions
from legonet.graph.reading.scalars import MOST_DIGITS

DEEPEST = 64
MOST_NODES = 500_000
MOST_ALIASED = 100_000
MOST_PROBLEMS = 10_000  # of a file; a report shows a hundred
MOST_SECONDS = 4.0  # of the processor; what is read is checked in what is left of 5


@dataclass
class Parsed:
    """A file's plain data, where everything stands in it, and what is wrong with the text itself."""

    data: Any
    positions: Positions
    source: str
    problems: list[Finding] = field(default_factory=list)

    def or_raise(self) -> tuple[Any, Positions]:
        """Data and positions.

        Raises:
            GraphError: The text has problems; the message is the whole report.
        """
        if self.problems:
            raise GraphError.of(*located(self.problems, self.source, self.positions))
        return self.data, self.positions


Parts = tuple[str, str, str]  # found, expected, advice


def duplicate(first_line: int) -> Parts:
    """The message about a key that a mapping has twice."""
    return f"already at line {first_line}", "expected each key once", "remove or rename one of them"


def bad_number(written: str) -> Parts:
    """The message about a number that no field can hold."""
    words = f"expected a finite number of at most {MOST_DIGITS} characters"
    return f"found {written}", words, "correct it, or put text in quotes"


def unread(source: str, line: int, column: int, parts: Parts) -> GraphError:
    """The error about the one place where the reading of a text ends."""
    return GraphError.of(errors.Problem(*parts, source, line, column))


TOO_DEEP = (
    f"nested deeper than {DEEPEST} levels",
    "expected a graph or block file, which has fewer than ten",
    "is this another kind of file?",
)
TOO_MANY = (
    f"more than {MOST_NODES:,} keys and values",
    "expected fewer",
    "split the file or generate the network in code",
)
TOO_SLOW = (
    f"takes longer than {MOST_SECONDS:g} s to read",
    "expected a file that people wrote",
    "split the file or generate the network in code",
)
HALF_SURROGATE = ("half of a surrogate pair", "expected text", "write the character itself")
