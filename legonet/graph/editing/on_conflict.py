"""What becomes of a category whose teachers do not share a category module. Needs no torch.

A teacher of a known category with another f is kept beside it (`keep`: nothing is written down, the plan
matches the two at the image), takes its place (`replace`), or makes a category of its own, `cat@2`
(`variant`).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from legonet.errors import SelectError
from legonet.graph.editing.build import extended
from legonet.graph.editing.dump import graph_data
from legonet.graph.schema import Graph

OnConflict = Literal["keep", "replace", "variant"]


def read_on_conflict(word: str) -> OnConflict:
    """Check a word that says what becomes of such a category.

    Raises:
        SelectError: It is none of `keep`, `replace` and `variant`.
    """
    for choice in get_args(OnConflict):
        if word == choice:
            return choice
    raise SelectError(f"on_conflict: found '{word}'; expected keep, replace or variant; choose one")


def kept_beside(giver: str) -> str:
    """What to know of a teacher whose module is not the one that its category has from another."""
    return (
        f"its category module differs from that of {giver}, so that it is matched at the image, which "
        "costs as much as ten to twenty fits; train teachers of one category frozen below the cut, or make "
        "it a variant (--on-conflict variant; on_conflict in Python and in drops), whose paths cost as any "
        "other's"
    )


def teacher_of(graph: Graph, category: str, task: str) -> str | None:
    """The teacher of a path, if it has one."""
    pairs = {(each.category, each.task): name for name, each in graph.teachers.items()}
    return pairs.get((category, task))


def without_teacher(graph: Graph, name: str) -> Graph:
    """The graph without a teacher; what named it takes the first or best again."""
    teachers = {other: each for other, each in graph.teachers.items() if other != name}
    parts = {
        section: {
            key: part.model_copy(update={"teacher": None}) if part.teacher == name else part
            for key, part in getattr(graph, section).items()
        }
        for section in ("categories", "tasks")
    }
    return graph.model_copy(update={**parts, "teachers": teachers})


def variant_name(graph: Graph, category: str) -> str:
    """The first name of a variant that is free, such as `cat@2`."""
    base, number = category.partition("@")[0], 2
    while f"{base}@{number}" in graph.categories:
        number += 1
    return f"{base}@{number}"


def replaced(graph: Graph, name: str) -> Graph:
    """The graph in which a teacher gives its category's module."""
    category = graph.teachers[name].category
    part = graph.categories[category].model_copy(update={"teacher": name})
    return graph.model_copy(update={"categories": {**graph.categories, category: part}})


def as_variant(before: Graph, after: Graph, name: str) -> Graph:
    """The graph in which a teacher that arrived has a category of its own, called as people call the first.

    Args:
        before: The graph without the teacher.
        after: With it, as one of the known category.
        name: Of the teacher.
    """
    teacher = after.teachers[name]
    variant = variant_name(before, teacher.category)
    known = before.categories[teacher.category]
    entry: dict[str, Any] = {"label": known.label or teacher.category}
    entry |= {} if known.input is None else {"input": graph_data(known.input)}
    moved = teacher.model_copy(update={"category": variant})
    graph = extended(before, {"categories": {variant: entry}})
    tasks = {**graph.tasks, **after.tasks}
    return graph.model_copy(update={"tasks": tasks, "teachers": {**graph.teachers, name: moved}})
