"""A model becomes a teacher of a category that may be known already, with another category module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from legonet.graph.editing.on_conflict import (
    as_variant,
    kept_beside,
    replaced,
    teacher_of,
    variant_name,
    without_teacher,
)
from legonet.graph.schema import Graph
from legonet.graph.select import givers
from legonet.teachers.from_module import add_model
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.sources.memory import MemoryTeacher
from legonet.teachers.sources.source import TeacherSource


def add_teacher(
    graph: Graph, sources: Mapping[str, TeacherSource], new: NewTeacher
) -> tuple[Graph, MemoryTeacher]:
    """Add a model to a graph as a teacher, and settle the conflict if its category has another module.

    Args:
        graph: The graph as it is; it is not changed.
        sources: The graph's teachers.
        new: The teacher.

    Returns:
        The new graph, and the teacher.

    Raises:
        LegonetError: As of `legonet.teachers.from_module.add_model`.
    """
    category, on_conflict = new.category, new.on_conflict
    taken = teacher_of(graph, category, new.task)
    base, known = graph, givers(graph).categories.get(category)
    image = new.input or graph.input_of(category)
    other = known is not None and image != graph.input_of(category)
    if (taken is not None or other) and on_conflict == "variant":
        label = graph.categories[category].label or category
        variant = variant_name(graph, category)
        grown, source = add_model(graph, replace(new, category=variant, input=image))
        part = grown.categories[variant].model_copy(update={"label": label})
        return grown.model_copy(update={"categories": {**grown.categories, variant: part}}), source
    if taken is not None and on_conflict == "replace":
        base = without_teacher(graph, taken)
    grown, source = add_model(base, new)
    if taken is not None and on_conflict == "replace":
        grown = _in_place(graph, grown, taken, new.name)
    if known is None or known == taken or sources[known].parts().f_sha == source.parts().f_sha:
        return grown, source
    if on_conflict == "replace":
        grown = replaced(grown, new.name)
    elif on_conflict == "variant":
        grown = as_variant(base, grown, new.name)
    else:
        source.notes = (*source.notes, kept_beside(known))
    return grown, source


def _in_place(before: Graph, after: Graph, old: str, new: str) -> Graph:
    """The new version stands where the old one stood: who came first gives a task's module."""
    order = [new if name == old else name for name in before.teachers]
    teachers = {name: after.teachers[name] for name in order}
    named = {
        section: {
            key: part.model_copy(update={"teacher": new})
            if key in getattr(before, section) and getattr(before, section)[key].teacher == old
            else part
            for key, part in getattr(after, section).items()
        }
        for section in ("categories", "tasks")
    }
    return after.model_copy(update={**named, "teachers": teachers})
