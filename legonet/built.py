"""`BuiltNetwork`: what graph, lock and store say of a network, and what is made of it; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from legonet.design import Design
from legonet.graph.lock import Lock, lock_path, read_lock
from legonet.plan.plan import Plan
from legonet.progress import open_bars
from legonet.store.blobs import BlobStore, MemoryStore
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    import graphviz
    import networkx as nx
    import torch
    from torch import nn

    from legonet.bricks.application import Application
    from legonet.bricks.bricks import Bricks
    from legonet.compile.network import CompiledNetwork
    from legonet.compile.options import Device
    from legonet.compile.predict import Predictions
    from legonet.data.photos import Images
    from legonet.distill.fitting.context import Edge
    from legonet.evaluate import Evaluation, LabelledImages
    from legonet.graph.schema import Graph
    from legonet.plan.cost import Pace
    from legonet.plan.incremental import Before
    from legonet.plan.ports import Ports
    from legonet.run.project import Project
    from legonet.run.samples import GivenSamples


class BuiltNetwork(Design):
    """A design with what has been built of it: it is planned, compiled, measured and drawn.

    `legonet.network.Network` adds what builds it, and keeps it in files.

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

    def compile(
        self,
        *names: str,
        categories: Iterable[str] | None = None,
        tasks: Iterable[str] | None = None,
        device: Device | Sequence[Device] = "cpu",
        passes: str | Iterable[str] = "all",
        separate_inputs: bool = False,
        memory_format: str = "auto",
        dtype: str | torch.dtype = "float32",
        grouping: str = "measured",
        torch_compile: bool | str = False,
        cuda_graphs: bool = False,
    ) -> CompiledNetwork:
        """Join the modules of some paths to one nn.Module: images in [0, 1] in, outputs out.

        Args:
            names: Paths such as `cat:classify`, or applications of the graph; default: every built path.
            categories: The categories whose built paths are joined, instead of names.
            tasks: The tasks whose built paths are joined; with categories, the paths that have one of each.
            device: The device of the module. Over several, categories are spread; images and tasks are on
                the first.
            passes: The passes that rewrite it to less work: `all`; `none`, which gives the naive
                composition; `exact`, those that keep every bit; `training`, those that leave adapters to be
                trained; or names out of `legonet.compile.passes.PASSES`.
            separate_inputs: Whether it takes a dict of images by category.
            memory_format: `contiguous`, `channels-last`, or `auto`, which is channels last on a CPU.
            dtype: `float32`; `bfloat16`, also of the weights; or `float16`, by autocast. Outputs are float32
                in any case.
            grouping: Whether modules run side by side where that was `measured` to be faster, once for each
                shape on a machine, or by a fixed `rule`.
            torch_compile: Whether it runs through torch.compile, in the default mode or the one that is
                named; call `warm_up` before it matters.
            cuda_graphs: Whether each shape of images is recorded once on a CUDA device, and replayed.

        Returns:
            A frozen module with weights of its own, in evaluation mode. It gives a tensor for one path, and
            a dict by path for several.

        Raises:
            SelectError: There is no such path, its adapter is not fitted, or an option has no such value.
        """
        from legonet.compile.open import compile_paths
        from legonet.compile.options import CompileOptions

        options = CompileOptions(
            passes, separate_inputs, device, memory_format, dtype, grouping, torch_compile, cuda_graphs
        )
        return compile_paths(self.project(), self.lock, names, categories, tasks, options)

    def __getitem__(self, names: str | tuple[str, ...]) -> Bricks | Application:
        """Give categories, tasks, paths or applications by name; `net["cat"] >> net["classify"]` joins them.

        Args:
            names: One name or several of one kind.

        Returns:
            Bricks for categories or tasks, an application for paths or applications.

        Raises:
            SelectError: There is no such name, or a path is not built.
        """
        from legonet.bricks.bricks import find_bricks

        return find_bricks(self, names)

    def unadapted(self, path: str, device: torch.device | str = "cpu") -> CompiledNetwork:
        """Compile a path with its adapter left out, to compare with.

        Args:
            path: The path, such as `cat:classify`.
            device: The device of the module.

        Returns:
            A frozen module, as of `compile`.

        Raises:
            SelectError: There is no such path, no teacher for it, or the two modules differ in shape.
        """
        from legonet.compile.open import compile_unadapted

        return compile_unadapted(self.project(), self.lock, path, device)

    def predict(
        self,
        images: Images,
        paths: str | Iterable[str] | None = None,
        *,
        device: Device = "cpu",
        batch: int = 32,
        progress: Literal["auto"] | None = "auto",
    ) -> Predictions:
        """Run images through paths of the network, and say what each path sees on them.

        Args:
            images: A file, a folder, a PIL image, an array or tensor of one image or of several, or an
                iterable of these. They are resized and normalised here. Arrays are (height, width,
                channels), tensors (channels, height, width), of bytes or of numbers in [0, 1].
            paths: Paths such as `cat:classify`, or applications of the graph, one or several; default: every
                built path.
            device: The device to compute on, such as `cuda`.
            batch: How many images are computed together.
            progress: `auto` shows how far it is: bars on a terminal and in a notebook, lines elsewhere; None
                shows nothing.

        Returns:
            A prediction for each image: what each path says of it, as a `Score`, `Mask` or `Numbers`. It
            prints as a table, and draws itself. An image of a folder that cannot be read is passed over with
            a `LegonetWarning`.

        Raises:
            SelectError: There is no such path, or its adapter is not fitted.
            DataError: There is no image, or one that was named cannot be used.
        """
        names = (paths,) if isinstance(paths, str) else tuple(paths or ())
        return self.compile(*names, device=device).predict(images, batch=batch, progress=progress)

    def evaluate(
        self,
        data: LabelledImages,
        paths: str | Iterable[str] | None = None,
        *,
        device: torch.device | str = "cpu",
        progress: Literal["auto"] | None = "auto",
    ) -> Evaluation:
        """Measure paths, their teachers, and the same paths without adapters on labelled images.

        For binary tasks also: how often each path says yes to images of every category.

        Args:
            data: Labelled images by path, as for `transplant`; or `"animals"`, the composed animals' test
                images; or a folder with one folder of images per category; or a source of images.
            paths: Paths or applications, one or several; default: those that images are given for, else all
                built paths.
                Paths whose output is a vector are passed over.
            device: Where to compute.
            progress: `auto` shows how far it is; None shows nothing.

        Returns:
            Rows of figures; printed, a table.

        Raises:
            SelectError: No such path, one that is not built, or none that can be measured.
            DataError: Images or labels are missing or do not fit.
        """
        from legonet.evaluate import evaluate

        names = (paths,) if isinstance(paths, str) else paths
        with open_bars(progress) as bars:
            return evaluate(self.project(), self.lock, data, names, device, bars)

    def edge(self, path: str) -> Edge:
        """Give the frozen modules that a path's adapter joins, for experiments with methods.

        Args:
            path: The path, such as `cat:classify`.

        Returns:
            Category module, task module and the teacher's own task part, with their shapes.

        Raises:
            SelectError: There is no such path, or no teacher for it.
        """
        from legonet.run.execute import open_edge

        return open_edge(self.project(), self.lock, path)

    def teacher(self, name: str, device: torch.device | str = "cpu") -> nn.Module:
        """Give a teacher as it was before it was cut: images in [0, 1] in, its output out.

        Args:
            name: The teacher's name.
            device: The device of the module.

        Returns:
            A frozen module, in evaluation mode.

        Raises:
            SelectError: There is no such teacher.
        """
        from legonet.compile.open import compile_teacher
        from legonet.run.project import find_source

        return compile_teacher(self.graph, find_source(self.graph, self._sources, name), device)

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

        plan = self.plan()
        shapes = {
            kind: {name: ports_of(self, kind, name) for name in getattr(self.graph, kind)}
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
