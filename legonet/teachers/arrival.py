"""A model becomes a teacher of a category that may be known already, with another category module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from legonet.errors import TeacherError
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
from legonet.ir.several import maps_given
from legonet.ir.split import Cut
from legonet.ops.call import Shape
from legonet.ops.shapes import show_shape
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
        LegonetError: As of `legonet.teachers.from_module.add_model` and `expect_bridge`.
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
        expect_bridge(new.name, known, sources[known].cut(), source.cut(), image.shape)
        source.notes = (*source.notes, kept_beside(known))
    return grown, source


def expect_bridge(name: str, giver: str, known: Cut, own: Cut, image: Shape) -> None:
    """Refuse a teacher beside another of its category where no bridge joins their features.

    Args:
        name: The teacher.
        giver: The one that gives the category's module.
        known: Where that one is cut.
        own: Where the teacher is cut.
        image: The shape of the category's images.

    Raises:
        TeacherError: What crosses at one of the cuts is not one map.
    """
    for teacher, cut in ((name, own), (giver, known)):
        shape, maps = cut.shape(image), maps_given(cut.below)
        if len(shape) == 3:
            continue
        crosses = f"{len(maps)} maps cross" if maps else f"{show_shape(shape)} crosses"
        raise TeacherError(
            f"teachers.{name}: its category module differs from that of {giver}, and {crosses} at "
            f"'{cut.name}' of {teacher}; expected one map at both, to match the two at the image; cut both "
            "where one map crosses, train it frozen below the cut, or make it a variant (--on-conflict "
            "variant; on_conflict in Python and in drops)"
        )


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
