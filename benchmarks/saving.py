"""What merging saves: ten teachers, each by itself, beside the network that they became.

Weights and operations are counted, not timed, and depend on no value: the adapters are fitted by eight draws.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

import legonet
from legonet.compile.cost import ProgramCost

QUICK = {"name": "closed-form", "draws": 8, "matching": 0}


@dataclass(frozen=True)
class Side:
    """One of the two that are compared.

    Attributes:
        name: What it is.
        answers: How many paths it answers for one image of each category.
        weights: The bytes of its weights.
        operations: For one image of each category; two are one multiplication with its addition.
    """

    name: str
    answers: int
    weights: int
    operations: int


def measure(graph: Path, folder: Path) -> list[Side]:
    """Count for the teachers of a graph file and for the network.

    Args:
        graph: The graph file; its workspace stays as it is.
        folder: A folder to work in.

    Returns:
        The teachers, each compiled by itself, and the network, all paths compiled together.
    """
    workspace = folder / "workspace"
    shutil.copytree(graph.parent, workspace / "graphs")
    shutil.copytree(graph.parent.parent / "blocks", workspace / "blocks")
    whole = yaml.safe_load(graph.read_text(encoding="utf-8"))
    alone = [_cost(file) for file in _alone(whole, workspace / "graphs")]
    network = legonet.load(workspace / "graphs" / graph.name)
    for edge in network.plan():
        if edge.action != "native":
            category, task = edge.path.split(":")
            network.connect(category, task, method=QUICK)
    network.transplant(progress=None)
    merged = list(network.compile().explain().costs.values())[-1]
    count = len(alone)
    return [
        Side(f"{count} teachers", count, _bytes(alone), sum(each.operations for each in alone)),
        Side("one network", len(list(network.plan())), _bytes([merged]), merged.operations),
    ]


def _alone(whole: dict, graphs: Path) -> Iterator[Path]:
    """A graph file for each teacher, in which nothing else is."""
    for name, teacher in whole["teachers"].items():
        one = {key: whole[key] for key in ("legonet", "name", "input")}
        one |= {key: {teacher[kind]: whole[key][teacher[kind]]} for key, kind in _KINDS.items()}
        file = graphs / f"{name}-alone.yaml"
        file.write_text(yaml.safe_dump(one | {"teachers": {name: teacher}}), encoding="utf-8")
        yield file


_KINDS = {"categories": "category", "tasks": "task"}


def _cost(file: Path) -> ProgramCost:
    return list(legonet.load(file).compile().explain().costs.values())[-1]


def _bytes(costs: Iterable[ProgramCost]) -> int:
    return 4 * sum(each.weights for each in costs)


def table(sides: list[Side]) -> str:
    """The two as lines of text."""
    lines = [f"{'':<14}{'answers':>8}{'weights':>12}{'operations':>14}"]
    lines += [
        f"{each.name:<14}{each.answers:>8}{each.weights / 2**10:>8,.0f} KiB{each.operations / 1e6:>12,.1f} M"
        for each in sides
    ]
    return "\n".join(lines)


def data(sides: list[Side]) -> list[dict]:
    """The two as plain data."""
    return [asdict(each) for each in sides]
