"""A model becomes a teacher of a category that may be known already, with another category module."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from legonet.graph.arrival import (
    Different,
    as_variant,
    replaced,
    teacher_of,
    variant_name,
    without_teacher,
)
from legonet.graph.schema import Graph
from legonet.graph.select import givers
from legonet.teachers.memory import arrive
from legonet.teachers.source import MemoryTeacher, TeacherSource


def arrive_differently(
    graph: Graph,
    sources: Mapping[str, TeacherSource],
    name: str,
    module: nn.Module,
    category: str,
    task: str,
    cut: str | float,
    different: Different,
    output: str | None = None,
    example_shape: tuple[int, ...] | None = None,
    copy: bool = True,
) -> tuple[Graph, MemoryTeacher]:
    """Add a model to a graph as a teacher; see `legonet.graph.arrival` for `different`.

    Args:
        graph: as it is; it is not changed.
        sources: its teachers.
        name: of the teacher.
        module: as of `legonet.teachers.memory.arrive`.
        category: that it was trained for.
        task: that it was trained for.
        cut: likewise.
        different: what becomes of a known category whose module is another one.
        output: as of `legonet.teachers.memory.arrive`.
        example_shape: likewise.
        copy: likewise.

    Returns:
        The new graph, and the teacher.

    Raises:
        LegonetError: as of `legonet.teachers.memory.arrive`.
    """
    taken, base, known = teacher_of(graph, category, task), graph, givers(graph).categories.get(category)
    if taken is not None and different == "variant":
        label = graph.categories[category].label or category
        category = variant_name(graph, category)
        grown, source = arrive(graph, name, module, category, task, cut, output, example_shape, copy)
        part = grown.categories[category].model_copy(update={"label": label})
        return grown.model_copy(update={"categories": {**grown.categories, category: part}}), source
    if taken is not None and different == "replace":
        base = without_teacher(graph, taken)
    grown, source = arrive(base, name, module, category, task, cut, output, example_shape, copy)
    if taken is not None and different == "replace":
        grown = _in_place(graph, grown, taken, name)
    if known is None or known == taken or sources[known].parts().f_sha == source.parts().f_sha:
        return grown, source
    if different == "replace":
        grown = replaced(grown, name)
    elif different == "variant":
        grown = as_variant(base, grown, name)
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
