"""What came of the ways to kill, and the table that shows it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

from legonet.tables import columns

REFUSED, BUG = 4, 3  # how a child ends that said what was wrong, or did not


@dataclass
class Row:
    """What came of one way to kill.

    Attributes:
        what: Was killed, and how.
        times: How often.
        ends: How the disturbed runs ended, and how often.
        same: After how many of them an undisturbed run gave the same bytes.
        left: Processes that a killed run had left behind after half a minute.
        faults: What should be looked at.
    """

    what: str
    times: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    same: int = 0
    left: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many of the runs were over at once."""
        return self.ends.get("killed", 0)

    @property
    def ended_how(self) -> str:
        """Such as `10 killed, 2 refused`."""
        return ", ".join(f"{count} {name}" for name, count in self.ends.items())

    def ended(self, status: int) -> None:
        """Count how a run ended."""
        known = {0: "whole", REFUSED: "refused", -signal.SIGKILL: "killed"}
        if "Ray" in self.what:  # which ends the process that it is in, where it has lost its head
            known |= {1: "ended by Ray", -signal.SIGABRT: "ended by Ray"}
        self.times += 1
        name = known.get(status, f"status {status}")
        self.ends[name] = self.ends.get(name, 0) + 1
        if status not in known:
            self.faults.append(f"it ended with {status}")

    def lacks(self, kills: int) -> bool:
        """Whether fewer runs were killed than should be; one that has had twice the chances is a fault."""
        if self.killed < kills and self.times >= 2 * kills:
            self.faults.append(f"only {self.killed} of {kills} were killed")
            return False
        return self.killed < kills


def text_of(rows: Sequence[Row]) -> str:
    """What came of it, as a table of Markdown, and the faults."""
    lines = [("what is killed, and when", "times", "how the run ended", "the same bytes afterwards", "left")]
    for row in rows:
        lines.append((row.what, str(row.times), row.ended_how, str(row.same), str(row.left)))
    return "\n".join(
        [*columns(lines, right=(1, 3, 4)), *(f"{row.what}: {fault}" for row in rows for fault in row.faults)]
    )
