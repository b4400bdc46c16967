"""Checks a whole graph: its references, and the files that it names. Needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from legonet import foreign
from legonet.errors import LegonetError
from legonet.graph.checks.outline import outline_of
from legonet.graph.checks.references import reference_problems
from legonet.graph.checks.semantics import semantic_problems
from legonet.graph.editing.dump import graph_data
from legonet.graph.load import LoadedGraph, Reading
from legonet.graph.reading.findings import Finding, format_report
from legonet.graph.reading.positions import KeyPath, show
from legonet.graph.suggest import listed

__all__ = ["Finding", "Resolver", "check", "report"]


class Held(Protocol):
    """A file that did not travel, since modules hold what is in it."""

    @property
    def sha256(self) -> str:
        """Of the file."""
        ...


class Resolver(Protocol):
    """What finds files; `legonet.store.workspace.Workspace` is one."""

    def resolve(self, base: Path, relative: str) -> Path:
        """The file that a graph file in folder `base` names; a LegonetError if it leaves the workspace."""
        ...

    def held(self, path: Path) -> Held | None:
        """What is known of a file that is not here, since it was pulled as modules."""
        ...


def check(
    graph: LoadedGraph | Reading,
    workspace: Resolver | None = None,
    blocks: Collection[str] | None = None,
) -> list[Finding]:
    """What is wrong with a graph, the files that it names included.

    Args:
        graph: A graph that was loaded; or `LoadedGraph(graph)` for one that was built in code; or the
            reading of a file that may be broken, whose own problems are then among those returned.
        workspace: Finds the files that the graph names; without it, or without a graph file, files
            are not checked.
        blocks: The names of the blocks that exist; without it, models are not checked.

    Returns:
        The problems, in no order; see `report`.
    """
    if isinstance(graph, Reading):
        problems, data = list(graph.problems), graph.data
    else:
        data = graph_data(graph.graph)
        problems = [*reference_problems(outline_of(graph.graph)), *semantic_problems(data)]
    teachers = data.get("teachers") if isinstance(data, dict) else None
    if not isinstance(teachers, dict):
        return problems
    known = {problem.key for problem in problems}
    if blocks is not None:
        problems += _models(teachers, known, sorted(blocks))
    if workspace is not None and graph.path is not None:
        problems += _Files(workspace, graph.path.parent, known).problems(teachers)
    return problems


def report(problems: Iterable[Finding], graph: LoadedGraph | Reading) -> str:
    """The problems of one graph as lines `file:line:column: key: message`, in file order.

    Args:
        problems: From `check`, or made elsewhere with a key path such as `("teachers", "cat", "cut")`.
        graph: What they are about.
    """
    return format_report(problems, graph.name, graph.positions)


def _models(teachers: dict[str, Any], known: set[KeyPath], blocks: list[str]) -> Iterator[Finding]:
    there = f"blocks are {listed(blocks)}" if blocks else "there are no blocks"
    for name, teacher in teachers.items():
        key = ("teachers", name, "model")
        model = _text(teacher, "model")
        if model is not None and key not in known and model not in blocks:
            found, advice = f"no block {show(model)}", "name one of them, or add its file."
            yield Finding(key, found, there, advice, known=blocks, word=model)


def _text(teacher: Any, key: str) -> str | None:
    """A teacher's value; None when it is absent or broken."""
    value = teacher.get(key) if isinstance(teacher, dict) else None
    return value if isinstance(value, str) and value else None


class _Files:
    """Checks the files that teachers name."""

    def __init__(self, workspace: Resolver, base: Path, known: set[KeyPath]) -> None:
        self.workspace = workspace
        self.base = base
        self.known = known
        self.siblings: dict[tuple[Path, str], list[str]] = {}

    def problems(self, teachers: dict[str, Any]) -> Iterator[Finding]:
        for name, teacher in teachers.items():
            for part, what in (("weights", "weights file"), ("statistics", "statistics file")):
                key, named = ("teachers", name, part), _text(teacher, part)
                if named is None or key in self.known:
                    continue
                found = self._find(key, named, what)
                if isinstance(found, Finding):
                    yield found
                elif part == "weights":
                    yield from self._hash(("teachers", name, "sha256"), found, named, teacher)

    def _find(self, key: KeyPath, named: str, what: str) -> Path | Finding:
        """The file, or what is wrong with it."""
        try:
            path = self.workspace.resolve(self.base, named)
        except LegonetError as error:
            return Finding(key, str(error).replace("\n", " "))
        try:
            if path.is_file() or self.workspace.held(path) is not None:
                return path
            if path.is_dir():
                return Finding(key, f"{show(named)} is a folder", f"expected a {what}", "name the file in it")
            beside = [str(Path(named).with_name(name)) for name in self._beside(path)]
        except (OSError, ValueError):
            return Finding(key, f"{show(named)} cannot be read", f"expected a {what}", "check the path")
        parts = (
            f"no file {show(named)}",
            f"expected a {what}, relative to the graph file",
            "correct the path.",
        )
        return Finding(key, *parts, known=beside, word=named)

    def _beside(self, path: Path) -> list[str]:
        """Names of files of the same kind in the same folder, at most a thousand."""
        folder = (path.parent, path.suffix)
        if folder not in self.siblings:
            files = path.parent.iterdir() if path.parent.is_dir() else iter(())
            alike = (file.name for file in files if file.suffix == path.suffix and file.is_file())
            self.siblings[folder] = sorted(islice(alike, 1000))
        return self.siblings[folder]

    def _hash(self, key: KeyPath, path: Path, named: str, teacher: dict[str, Any]) -> Iterator[Finding]:
        expected = _text(teacher, "sha256")
        if expected is None or key in self.known:
            return
        try:
            if held := self.workspace.held(path):
                found = held.sha256
            else:
                with foreign.opened(path, foreign.WEIGHTS) as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
        except (LegonetError, OSError) as error:
            found = f"{show(named)} cannot be read ({_reason(error)})"
            yield Finding(key, found, advice="check its permissions")
            return
        if found != expected:
            yield Finding(
                key,
                f"{show(named)} has sha256 {found}",
                f"expected {expected}",
                "fetch the file again, or correct the hash if it was replaced on purpose",
            )


def _reason(error: LegonetError | OSError) -> str:
    return error.problems[0].found if isinstance(error, LegonetError) else error.strerror or str(error)
