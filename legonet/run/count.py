"""About how many operations a plan's jobs take, counted before anything has run.

Needs no torch for chains of layers; see `legonet.teachers.crossing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from legonet.distill.flops.fit import Joined, fit_operations
from legonet.errors import LegonetError
from legonet.graph.lock import LockedTeacher
from legonet.graph.schema import Adapter, Graph
from legonet.graph.select import Givers, givers
from legonet.plan.inputs import method_settings
from legonet.teachers.crossing import Crossing


class OperationCount:
    """Counts the operations of fits, once for all paths that join the same in the same way.

    Args:
        graph: Settled.
        teachers: As their files are now.
        crossing: A teacher's cut, by its name.
        images: How many are given, by path.
        labelled: Paths whose images have labels.
        strangers: Whether two teachers of one architecture have no weights in common, by their names.
    """

    def __init__(
        self,
        graph: Graph,
        teachers: Mapping[str, LockedTeacher],
        crossing: Callable[[str], Crossing],
        images: Mapping[str, int],
        labelled: frozenset[str],
        strangers: Callable[[str, str], bool],
    ) -> None:
        self._graph, self._teachers, self._find = graph, teachers, crossing
        self._images, self._labelled, self._are_strangers = images, labelled, strangers
        self._crossings: dict[str | None, Crossing | None] = {None: None}
        self._counts: dict[tuple[object, ...], int | None] = {}

    @cached_property
    def _given(self) -> Givers:
        return givers(self._graph)

    def __call__(self, path: str, teacher: str | None) -> int | None:
        """Of one path.

        Args:
            path: `category:task`.
            teacher: Of it; None where labelled samples make up for one.

        Returns:
            None where a module's size is not known, or no adapter joins the two.
        """
        category, _, task = path.partition(":")
        f_giver, g_giver = self._given.categories[category], self._given.tasks[task]
        f, g = self._crossing(f_giver), self._crossing(g_giver)
        own = g if teacher is None else self._crossing(teacher)
        if f is None or g is None or own is None:
            return None
        at, bridged, same = None if teacher is None else self._teachers[teacher], False, False
        if at is not None:
            bridged = at.category_module != self._teachers[f_giver or ""].category_module
            same = bridged and at.task_module == self._teachers[g_giver or ""].task_module
        statistics = at is not None and at.statistics is not None
        spec = self._graph.adapters.get(path) or self._graph.tasks[task].adapter
        given = self._images.get(path, 0), path in self._labelled
        apart = teacher is not None and self._strangers(g_giver or "", teacher, g, own)
        key = id(f), id(g), id(own), id(spec), at is None, bridged, same, statistics, given, apart
        if key not in self._counts:
            below = own.below if bridged else None
            joined = Joined(
                f.below, g.above, own.above, g.port.shape, below, same, statistics, g.port.maps, apart
            )
            self._counts[key] = _count(joined, spec, at is None, *given)
        return self._counts[key]

    def _strangers(self, giver: str, teacher: str, g: Crossing, own: Crossing) -> bool:
        """Whether g_S and g_T are of one architecture and nothing else; files are looked into."""
        if giver == teacher or g.above.rectified != own.above.rectified:
            return False
        return self._are_strangers(giver, teacher)

    def once(self, path: str, teacher: str | None) -> int | None:
        """Of one example's pass through the path's task module; None where its size is not known."""
        giver = self._crossing(self._given.tasks[path.partition(":")[2]])
        return None if giver is None else giver.above.operations

    def _crossing(self, teacher: str | None) -> Crossing | None:
        if teacher not in self._crossings:
            try:
                self._crossings[teacher] = self._find(teacher or "")
            except LegonetError:  # it is reported when the teacher is cut
                self._crossings[teacher] = None
        return self._crossings[teacher]


def _count(joined: Joined, spec: Adapter, untaught: bool, images: int, labelled: bool) -> int | None:
    spec = spec.model_copy(update={"method": method_settings(spec, untaught)})
    try:
        return fit_operations(joined, spec, images, labelled)
    except LegonetError:
        return None
