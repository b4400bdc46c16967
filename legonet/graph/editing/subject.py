"""The graph file that an edit is made to: its data, and how it is refused there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from legonet.errors import GraphError, Problem
from legonet.graph.editing.operations import SECTIONS, WORDS
from legonet.graph.reading.findings import Finding, located
from legonet.graph.reading.positions import KeyPath, Positions, show
from legonet.graph.suggest import listed


@dataclass(frozen=True)
class Wanted:
    """What a graph file is to say.

    Attributes:
        data: All of it, as plain data.
        renamed: Key paths as they are now, to the new names of their last keys.
    """

    data: dict[str, Any]
    renamed: Mapping[KeyPath, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """A graph that is edited.

    Attributes:
        data: It as plain data, which no one changes.
        source: Its file, for messages.
        positions: Where its keys stand there.
    """

    data: dict[str, Any]
    source: str
    positions: Positions

    def refusal(self, *problems: Finding) -> GraphError:
        """The error that says why an edit is refused."""
        return GraphError.of(*located(problems, self.source, self.positions))

    def section(self, name: str) -> dict[str, Any]:
        """The entries of a section.

        Raises:
            GraphError: There is no such section, or it is broken.
        """
        if name not in SECTIONS:
            there = f"sections are {', '.join(SECTIONS)}"
            raise GraphError.of(Problem(f"no section {show(name)}", there, file=self.source))
        part = self.data.get(name, {})
        if not isinstance(part, dict):
            raise self.refusal(
                Finding((name,), f"found {show(part)}", "expected a mapping", "correct it first")
            )
        return part

    def entry(self, section: str, name: str) -> Any:
        """An entry.

        Raises:
            GraphError: There is none of this name.
        """
        part = self.section(section)
        if name in part:
            return part[name]
        found = f"no {WORDS[section]} {show(name)}"
        there = f"{section} are {listed(list(part))}." if part else f"there are no {section}."
        raise self.refusal(Finding((section, name), found, there, known=list(part), word=name))

    def free(self, section: str, name: str) -> None:
        """Expect a name that no entry has yet.

        Raises:
            GraphError: One has it.
        """
        if name in self.section(section):
            advice = "choose another one, or edit the entry"
            raise self.refusal(
                Finding((section, name), "exists already", "expected a new name", advice, at="key")
            )

    def with_entry(self, section: str, name: str, entry: Any) -> Wanted:
        """The graph in which an entry is this one."""
        return Wanted({**self.data, section: {**self.section(section), name: entry}})
