"""`DrawnNetwork`: what graph, lock and store say of a network, and what would be done; planned and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from legonet.design import Design
from legonet.graph.lock import Lock, lock_path, read_lock
from legonet.plan.plan import Plan
from legonet.store.blobs import BlobStore, MemoryStore
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    import graphviz
    import networkx as nx

    from legonet.graph.schema import Graph
    from legonet.plan.cost import Pace
    from legonet.plan.incremental import Before
    from legonet.plan.ports import Ports
    from legonet.run.project import Project
    from legonet.run.samples import GivenSamples


class DrawnNetwork(Design):
    """A design with what has been built of it: what is left to do is planned, and all of it is drawn.

    `legonet.built.BuiltNetwork` adds what is made of built paths.

    Args:
        name: The network's name.
        input_shape: The shape of images, (channels, height, width), of categories that name no other.
        mean: One number per channel, which is subtracted from an image in [0, 1]; default: none is.
        std: One number per channel, by which the image is divided after that; default: it is not.
        resize: How a photo of another size becomes an image: `fit`, `crop`, `pad` or `squash`.
        interpolation: How photos are resized: `bilinear`, `bicubic` or `nearest`.

    Attributes:
        graph: What the network is.
        lock: What has been built.
        store: The bytes of modules and adapters.
        path: The graph file; None for a network in memory.
    """

    _pace: Pace | None = None  # of this machine, once it was measured

    def __init__(
        self,
        name: str,
        input_shape: Sequence[int] = (3, 32, 32),
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        resize: str = "fit",
        interpolation: str = "bilinear",
    ) -> None:
        super().__init__(name, input_shape, mean, std, resize, interpolation)
        self.lock = Lock()
        self.store: BlobStore = MemoryStore()
        self.path: Path | None = None
        self._workspace: Workspace | None = None
        self._base: Graph | None = None  # as it was read from its file
        self._planned: Before | None = None  # the last plan, which the next one goes on from

    def __repr__(self) -> str:
        parts = (
            (len(self.graph.categories), "category", "categories"),
            (len(self.graph.tasks), "task", "tasks"),
            (len(self.graph.teachers), "teacher", "teachers"),
        )
        counts = [f"{count} {one if count == 1 else several}" for count, one, several in parts]
        where = "in memory" if self.path is None else str(self.path)
        return f"<Network {self.graph.name}: {', '.join(counts)}; {where}>"

    def plan(self, samples: Mapping[str, GivenSamples] | None = None) -> Plan:
        """Find out what `transplant` would do with the same samples, and why; nothing is changed.

        Args:
            samples: Images by path, as for `transplant`.

        Returns:
            The plan: one edge for each path, in order of arrival. Printed, it is what `legonet plan` prints.

        Raises:
            LegonetError: A teacher's files cannot be read, or samples do not fit.
        """
        sample_facts = None
        if samples:
            from legonet.run.transplant import find_sample_facts

            sample_facts = find_sample_facts(self.graph, samples)
        project = self.project()
        found = project.plan(self.lock, sample_facts)
        self._planned = found.before

        def ports_of(plan: Plan) -> Mapping[str, Ports]:
            from legonet.plan.ports import find_ports

            return find_ports(found.graph, plan, project.port_finder())

        def pace_of(plan: Plan) -> Pace | None:
            from legonet.run.pace import find_pace

            self._pace = self._pace or find_pace(project, self.lock, plan)
            return self._pace

        return replace(found.plan, ports_of=ports_of, pace_of=pace_of)

    def ports(self, plan: Plan) -> dict[str, Ports]:
        """Find what each adapter of a plan joins: both ports' shapes, and the adapter's layers in words.

        Args:
            plan: The last plan of this network.

        Returns:
            The ports by path; paths without an adapter are left out.

        Raises:
            LegonetError: A teacher's block cannot be read, or two modules cannot be joined.
        """
        from legonet.plan.ports import find_ports

        graph = self.graph if self._planned is None else self._planned.graph
        return find_ports(graph, plan, self.project().port_finder())

    def project(self) -> Project:
        """Give the graph, store, teachers and journal as one value, to code that extends legonet."""
        from legonet.run.journal import Journal
        from legonet.run.project import Project

        journal = Journal(None if self._workspace is None else self._workspace.journal_path)
        known = self._planned, self._pace
        folder = Path() if self.path is None else self.path.parent
        return Project(self.graph, self.store, self._sources, journal, self._workspace, *known, folder)

    def render(
        self,
        path: str | Path,
        figures: Mapping[str, Mapping[str, float]] | None = None,
        *,
        ports: bool = False,
        paths: Iterable[str] = (),
    ) -> Path:
        """Draw the network; the file's suffix names the format: svg, png, pdf, dot, mmd or html.

        Args:
            path: The picture's file.
            figures: Numbers to write beside each path, such as `{"cat:classify": {"error": 0.04}}`.
            ports: Whether each adapter shows the shapes that it joins, and its layers.
            paths: The paths or applications that are drawn; default: the whole network.

        Returns:
            The picture's path.

        Raises:
            RenderError: There is no such format, or the file cannot be written.
            SelectError: There is no such path.
        """
        from legonet.graph.select import select_paths
        from legonet.render import render
        from legonet.render.view import make_view

        chosen = select_paths(self.graph, names) if (names := list(paths)) else None
        plan = self.plan()
        lines = {name: each.lines for name, each in self.ports(plan).items()} if ports else None
        view = make_view(self.graph, self.lock, plan, figures, lines)
        return render(view if chosen is None else view.only(chosen), path)

    def to_networkx(self) -> nx.MultiDiGraph:
        """Give the network as a graph of networkx, to be searched, measured or written with it.

        Nodes are `category/NAME`, `task/NAME` and `teacher/NAME`, with `kind`, `state`, `teacher`, and the
        `shape` of the features that a category gives or a task takes. Edges lead from categories to tasks,
        their keys are paths, and they have `kind` (`adapter` or `identity`), `state`, `method`, `kernel`,
        `depth`, `gives`, `takes`, `layers`, `figures`, and where something is to be done `operations` and
        `seconds`; and from teachers to the modules that they gave. Pairs that are not connected are left out,
        and so is what is not known.

        Returns:
            A new graph; what is changed in it changes nothing here.

        Raises:
            LegonetError: A teacher's files cannot be read.
        """
        from legonet.bricks.built import ports_of
        from legonet.render.digraph import to_networkx

        plan, project = self.plan(), self.project()
        shapes = {
            kind: {name: ports_of(project, kind, name) for name in getattr(self.graph, kind)}
            for kind in ("categories", "tasks")
        }
        return to_networkx(self.graph, self.lock, plan, self.ports(plan), shapes)

    def to_graphviz(self) -> graphviz.Digraph:
        """Give the drawing as a graph of the package graphviz, to be changed and laid out anew.

        Its own pictures need Graphviz' `dot`; `render` does not.

        Returns:
            A new graph with nodes such as `category/cat`, `adapter/cat/classify` and `task/classify`.

        Raises:
            LegonetError: A teacher's files cannot be read.
        """
        from legonet.render.digraph import to_graphviz
        from legonet.render.view import make_view

        return to_graphviz(make_view(self.graph, self.lock, self.plan()))

    def _repr_html_(self) -> str:
        from legonet.render.shown import network_html

        return network_html(self.graph, self.lock, self.plan, repr(self))

    def _read_lock(self) -> Lock:
        """What has been built, as the file says by now: another process may have written it."""
        if self.path is not None:
            self.lock = read_lock(lock_path(self.path))
        return self.lock
