"""Checks a whole graph: its references, and the files that it names. Needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from legonet.errors import LegonetError
from legonet.graph.dump import graph_data
from legonet.graph.load import LoadedGraph
from legonet.graph.outline import outline_of
from legonet.graph.positions import show
from legonet.graph.problems import Problem, format_report
from legonet.graph.references import reference_problems
from legonet.graph.schema import Teacher
from legonet.graph.semantics import semantic_problems
from legonet.graph.suggest import listed

__all__ = ["Problem", "Resolver", "check", "report"]

_CHUNK = 2**20


class Resolver(Protocol):
    """What finds files; `legonet.store.workspace.Workspace` is one."""

    def resolve(self, base: Path, relative: str) -> Path:
        """The file that a graph file in folder `base` names; a LegonetError if it leaves the workspace."""
        ...


def check(
    loaded: LoadedGraph,
    workspace: Resolver | None = None,
    blocks: Collection[str] | None = None,
    hashes: bool = True,
) -> list[Problem]:
    """What is wrong with a graph beyond its structure.

    Args:
        loaded: the graph; `LoadedGraph(graph)` for one that was built in code.
        workspace: finds the files that the graph names; without it, or without a graph file, files
            are not checked.
        blocks: the names of the blocks that exist; without it, models are not checked.
        hashes: also read the weights files that have a `sha256` and compare.

    Returns:
        The problems, in no order; see `report`.
    """
    problems = reference_problems(outline_of(loaded.graph))
    problems += semantic_problems(graph_data(loaded.graph))
    for name, teacher in loaded.graph.teachers.items():
        if blocks is not None and teacher.model not in blocks:
            there = f"blocks are {listed(sorted(blocks))}" if blocks else "there are no blocks"
            message = f"no block {show(teacher.model)}; {there}; name one of them, or add its file."
            key = ("teachers", name, "model")
            problems.append(Problem(key, message, known=sorted(blocks), word=teacher.model))
        if workspace is not None and loaded.path is not None:
            problems += _files(name, teacher, loaded.path.parent, workspace, hashes)
    return problems


def report(problems: Iterable[Problem], loaded: LoadedGraph) -> str:
    """The problems of one graph as lines `file:line:column: key: message`, in file order.

    Args:
        problems: from `check`, or made elsewhere with a key path such as `("teachers", "cat", "cut")`.
        loaded: the graph they are about.
    """
    return format_report(problems, loaded.name, loaded.positions)


def _files(name: str, teacher: Teacher, base: Path, workspace: Resolver, hashes: bool) -> Iterator[Problem]:
    weights = ("teachers", name, "weights")
    path, problem = _resolved(weights, teacher.weights, "weights file", base, workspace)
    if problem is not None:
        yield problem
    elif path is not None and hashes and teacher.sha256 is not None:
        yield from _hash(("teachers", name, "sha256"), path, teacher)
    if teacher.statistics is not None:
        key = ("teachers", name, "statistics")
        _, problem = _resolved(key, teacher.statistics, "statistics file", base, workspace)
        if problem is not None:
            yield problem


def _resolved(
    key: tuple[str, ...], named: str, what: str, base: Path, workspace: Resolver
) -> tuple[Path | None, Problem | None]:
    """The file, or what is wrong with it."""
    try:
        path = workspace.resolve(base, named)
    except LegonetError as error:
        return None, Problem(key, str(error).replace("\n", " "))
    try:
        if path.is_file():
            return path, None
        if path.is_dir():
            return None, Problem(key, f"{show(named)} is a folder; expected a {what}; name the file in it")
        siblings = {str(Path(named).with_name(file.name)): file for file in _siblings(path)}
    except (OSError, ValueError):
        return None, Problem(key, f"{show(named)} cannot be read; expected a {what}; check the path")
    message = f"no file {show(named)}; expected a {what}, relative to the graph file; correct the path."
    return None, Problem(key, message, known=list(siblings), word=named)


def _siblings(path: Path) -> list[Path]:
    """Files of the same kind in the same folder, at most a thousand."""
    if not path.parent.is_dir():
        return []
    files: list[Path] = []
    for file in path.parent.iterdir():
        if file.suffix == path.suffix and file.is_file():
            files.append(file)
            if len(files) == 1000:
                break
    return sorted(files)


def _hash(key: tuple[str, ...], path: Path, teacher: Teacher) -> Iterator[Problem]:
    try:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        yield Problem(
            key, f"{show(teacher.weights)} cannot be read ({error.strerror}); check its permissions"
        )
        return
    if digest.hexdigest() != teacher.sha256:
        yield Problem(
            key,
            f"{show(teacher.weights)} has sha256 {digest.hexdigest()}; expected {teacher.sha256}; fetch the "
            "file again, or correct the hash if it was replaced on purpose",
        )
