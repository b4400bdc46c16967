"""What crosses at a teacher's cut, and what one image costs below and above it.

Needs no torch where arithmetic is enough, as it is for chains of layers. Other graphs are run on torch's meta
device, once: what was found is kept in a file of the user's own that may be deleted at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from legonet import foreign
from legonet.errors import StoreError
from legonet.graph.output import Maps
from legonet.graph.schema import Graph
from legonet.ir.graph import Shape
from legonet.ir.sizes import Size, shapes_of, size_of
from legonet.ir.split import Cut
from legonet.plan.ports import Port
from legonet.store.blobs import sha256
from legonet.store.plain_files import write_file
from legonet.teachers.feature_maps import MAP, expect_channels_first
from legonet.teachers.sources.source import TeacherSource

_DAMAGED = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


class Crossing(NamedTuple):
    """A teacher's cut.

    Attributes:
        port: The features that cross there.
        below: The size of f.
        above: The size of g_T.
    """

    port: Port
    below: Size
    above: Size


class PortFinder:
    """Finds the ports of a graph's teachers.

    Args:
        graph: The network.
        sources: The network's teachers.
        file: The file of what is known already, if there is one.
    """

    def __init__(self, graph: Graph, sources: Mapping[str, TeacherSource], file: Path | None = None) -> None:
        self._graph, self._sources, self._file = graph, sources, file
        self._found: dict[tuple[type, str, str, str, Shape], Crossing] = {}
        self._kept: dict[str, Crossing] | None = None

    def __call__(self, teacher: str) -> Port:
        """The port of a teacher; teachers of one model, cut at one place, have the same.

        Raises:
            LegonetError: Its block cannot be read, or cut there.
        """
        return self.crossing(teacher).port

    def crossing(self, teacher: str) -> Crossing:
        """The port of a teacher, and the sizes of its two modules.

        Raises:
            LegonetError: As of a call.
        """
        source = self._sources[teacher]
        entry = self._graph.teachers[teacher]
        shape = self._graph.input_of(entry.category).shape
        kind = (type(source), entry.model, entry.output or "", source.cut_name, shape)
        if kind not in self._found:
            self._found[kind] = self._find(source, shape)
        return self._found[kind]

    def _find(self, source: TeacherSource, shape: Shape) -> Crossing:
        kept = self._known()
        key = sha256(json.dumps([source.architecture, source.cut_name, shape]).encode())
        if key in kept:
            return kept[key]
        cut = source.cut()
        found = _crossing(cut, shape)
        if cut.graph.notation is None:  # which arithmetic may not suffice for
            kept[key] = found
            self._keep(kept)
        return found

    def _known(self) -> dict[str, Crossing]:
        if self._kept is None:
            self._kept = {}
            if self._file is not None:
                with suppress(StoreError, *_DAMAGED):
                    self._kept = _read(json.loads(foreign.read(self._file, foreign.STATE)))
        return self._kept

    def _keep(self, kept: Mapping[str, Crossing]) -> None:
        if self._file is not None:
            data = {key: [part._asdict() for part in found] for key, found in sorted(kept.items())}
            with suppress(StoreError):  # found again next time
                write_file(self._file, json.dumps(data, indent=0).encode())


def _read(data: Mapping[str, list[dict[str, Any]]]) -> dict[str, Crossing]:
    return {
        key: Crossing(
            Port(
                tuple(port["shape"]), None if port["own"] is None else tuple(port["own"]), _maps(port["maps"])
            ),
            *(
                Size(
                    int(part["operations"]),
                    tuple(part["gives"]),
                    int(part["window"]),
                    _maps(part["maps"]),
                    _maps(part["rectified"]),
                )
                for part in sizes
            ),
        )
        for key, (port, *sizes) in data.items()
    }


def _maps(data: list[list[int]]) -> Maps:
    return tuple(tuple(each) for each in data)


def _crossing(cut: Cut, shape: Shape) -> Crossing:
    shapes = shapes_of(cut.below, shape, cut.where)
    crosses = shapes[cut.place]
    expect_channels_first(cut, crosses, shape)
    module = cut.graph.steps[cut.place].module
    below = size_of(cut.below, shape)
    alone = module.endswith(MAP) and not below.maps
    own = shapes.get(module.removesuffix(MAP)) if alone else None
    return Crossing(Port(crosses, own, below.maps), below, size_of(cut.above, crosses))
