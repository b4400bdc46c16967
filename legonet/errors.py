"""The errors that a user of legonet can cause.

    LegonetError                 root: every message says where, what was found, what to do
    ├── GraphError               a graph file, a lock file, or a graph built in code
    ├── BlockError               a block definition, or a model that no block can describe
    ├── TeacherError             a teacher's weights, cut or statistics
    ├── StoreError               the store, or a file in it
    │   └── DamagedError         a blob whose bytes changed; it was set aside
    ├── DataError                images, masks or labels
    ├── DistillError             an adapter that cannot be fitted as asked
    ├── PlanError                a plan file, or a world that is not that of the plan any more
    ├── SelectError              a path, brick or application that does not exist or is not built
    ├── ExportError              a compiled network that a format cannot hold
    └── RenderError              a diagram that cannot be drawn

Anything else that escapes legonet is a bug. What went well, but not as one may expect, is told by a
`LegonetWarning`, which Python's `warnings` can silence or turn into an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

LONGEST_REPORT = 100
LONGEST_LINE = 2000
_BEGINNING, _END = 1400, 500  # of a line that is longer: what to do about it stands last


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, as data.

    Attributes:
        found: The first part of its message: what was found.
        expected: The second part, such as "expected a number above 0"; empty if the message has none.
        advice: The last part: what to do about it.
        file: The file as the user named it; empty for what was built in code.
        line: Line in the file, from 1; None where no line is known.
        column: Column in the line, from 1, in characters.
        key: The key in the file, such as `teachers.cat-v1.cut`; empty for the whole file.
    """

    found: str
    expected: str = ""
    advice: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    key: str = ""

    @property
    def text(self) -> str:
        """Its line in a report: `file:line:column: key: found; expected; advice`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        message = "; ".join(part for part in (self.found, self.expected) if part)
        if self.advice:  # a sentence has ended before "Did you mean"
            message += (" " if self.expected.endswith(".") else "; " if message else "") + self.advice
        return ": ".join(part for part in (place, self.key, message) if part)


def report(problems: Iterable[Problem]) -> str:
    """The lines of problems in their order; after a hundred of them, how many more there are."""
    given = list(problems)
    lines = [problem.text for problem in given[:LONGEST_REPORT]]
    if len(given) > LONGEST_REPORT:
        lines.append(f"{given[0].file}: and {len(given) - LONGEST_REPORT} more problems")
    return "\n".join(lines)


def bounded(message: str) -> str:
    """A message without the middle of lines that no one would read: names and values may be a stranger's."""
    if len(message) <= LONGEST_LINE:
        return message
    return "\n".join(
        line
        if len(line) <= LONGEST_LINE
        else f"{line[:_BEGINNING]} … {len(line) - _BEGINNING - _END:,} characters … {line[-_END:]}"
        for line in message.split("\n")
    )


class LegonetError(Exception):
    """Root of all errors that a user can cause.

    Attributes:
        problems: What is wrong, as data: all problems of a file, in file order. An error that is given a
            message alone has one problem, with that message as what was found.
    """

    problems: tuple[Problem, ...]

    def __init__(self, message: str = "", problems: Iterable[Problem] = ()) -> None:
        message = bounded(message)
        super().__init__(message)
        self.problems = tuple(problems) or (Problem(message),)

    @classmethod
    def of(cls, *problems: Problem) -> Self:
        """The error that reports some problems, in their order."""
        return cls(report(problems), problems)


class GraphError(LegonetError):
    """A graph, from a file or built in code, is not valid."""


class BlockError(LegonetError):
    """A block definition is not valid, or a model cannot be described as a block."""


class ComputeError(BlockError, RuntimeError):
    """An operation of a block that torch does not compute; torch's own error is its cause."""


class TeacherError(LegonetError):
    """A teacher's weights, cut or statistics do not fit."""


class StoreError(LegonetError):
    """The store cannot be read or written, or holds a damaged blob."""


class DamagedError(StoreError):
    """A blob's bytes are not what they were; it was set aside, and can be built again."""


class DataError(LegonetError):
    """Images, masks or labels cannot be used."""


class DistillError(LegonetError):
    """An adapter cannot be fitted with this method and what is given."""


class PlanError(LegonetError):
    """A plan file cannot be read, or the world is not that of the plan any more."""


class SelectError(LegonetError):
    """A path, brick or application does not exist, or is not built yet."""


class ExportError(LegonetError):
    """A compiled network cannot be written in a format."""


class RenderError(LegonetError):
    """A diagram cannot be drawn."""


class LegonetWarning(UserWarning):
    """Something was done, but not as one may expect: an image was passed over, statistics were lacking."""


def first_line(error: BaseException) -> str:
    """The first line of somebody else's error, without its full stop; the error's type if it says nothing."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
