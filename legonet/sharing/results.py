"""What a push and a pull tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        remote: The address, without passwords.
        sent: How many objects were sent.
        bytes: How many bytes they have.
        there: How many were there already.
        joined: Whether others had pushed meanwhile, and their entries were joined with those here.
        notes: Remarks for people.
    """

    remote: str
    sent: int
    bytes: int
    there: int
    joined: bool = False
    notes: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Give it as plain data, as `legonet push --json` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Pulled:
    """What a pull did.

    Attributes:
        remote: The address, without passwords.
        graph: The graph file.
        fetched: How many blobs were fetched.
        bytes: How many bytes they have.
        there: How many were there already.
        later: How many are fetched when they are read.
        joined: Whether there were entries here that were joined with those of the remote.
        notes: Remarks for people.
    """

    remote: str
    graph: Path
    fetched: int
    bytes: int
    there: int
    later: int = 0
    joined: bool = False
    notes: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Give it as plain data, as `legonet pull --json` prints it."""
        return asdict(self) | {"graph": str(self.graph)}
