"""`Network`: a transplant network in code, over its graph, its lock and its store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from legonet.design import Design
from legonet.graph.collector import paused
from legonet.graph.load import LoadedGraph, load_graph
from legonet.graph.lock import Lock, lock_path, read_lock, write_lock
from legonet.plan.plan import Plan
from legonet.store.blobs import BlobStore, MemoryStore
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from legonet.compile.bricks import Application, Bricks
    from legonet.compile.network import CompiledNetwork
    from legonet.compile.options import Device
    from legonet.distill.context import Edge
    from legonet.plan.diff import Before
    from legonet.plan.ports import Ports
    from legonet.run.executors.base import Executor
    from legonet.run.finetune import Tuned, Tuning
    from legonet.run.options import Options
    from legonet.run.runner import Progress, Run
    from legonet.run.samples import GivenSamples
    from legonet.run.site import Site


class Network(Design):
    """A transplant network: category modules, task modules, and the adapters between them.

    Made here it is in memory, with nothing on disk until `save`; `legonet.load` opens a graph file's.

    Args:
        name: of the network.
        input_shape: (channels, height, width) of every image.
        mean: subtracted from each channel of an image in [0, 1].
        std: each channel is divided by it after that.

    Attributes:
        graph: what the network is.
        lock: what has been built.
        store: where the bytes are.
        path: its graph file, if it has one.

    Raises:
        GraphError: a name or shape that a graph file could not have.
    """

    def __init__(
        self,
        name: str,
        input_shape: Sequence[int] = (3, 32, 32),
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__(name, input_shape, mean, std)
        self.lock = Lock()
        self.store: BlobStore = MemoryStore()
        self.path: Path | None = None
        self._workspace: Workspace | None = None
        self._planned: Before | None = None  # the last plan, which the next one goes on from

    def __repr__(self) -> str:
        parts = {
            "categories": self.graph.categories,
            "tasks": self.graph.tasks,
            "teachers": self.graph.teachers,
        }
        counts = [f"{len(names)} {what}" for what, names in parts.items()]
        where = "in memory" if self.path is None else str(self.path)
        return f"<Network {self.graph.name}: {', '.join(counts)}; {where}>"

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Open the network of a graph file: the graph, its lock file, and the workspace's store.

        Raises:
            GraphError: the file has problems; the message lists all of them.
        """
        network = cls.__new__(cls)  # what a new network is, is not checked for one that has a file
        with paused():
            network._open(load_graph(path), Path(path))
        return network

    def _open(self, loaded: LoadedGraph, path: Path) -> None:
        from legonet.teachers.source import FileTeacher

        workspace = Workspace.find(path)
        self.graph, self.path, self._workspace, self._planned = loaded.graph, path, workspace, None
        self.lock, self.store = read_lock(lock_path(path)), workspace.store
        folder = path.absolute().parent
        self._sources = {
            name: FileTeacher(name, teacher, folder, workspace)
            for name, teacher in loaded.graph.teachers.items()
        }

    def save(self, path: str | Path) -> Path:
        """Write the graph file, the lock file, blocks and teachers' weights; then the network is there.

        Args:
            path: the graph file, such as `graphs/animals.yaml`.

        Returns:
            The graph file's path.

        Raises:
            LegonetError: the graph has problems, or a file of something else is in the way.
        """
        from legonet.teachers.save import save_network

        file = Path(path)
        save_network(self.graph, self.lock, self.store, self._sources, file)
        write_lock(lock_path(file), self.lock)
        self._open(load_graph(file), file)
        return file

    # Planning and building.

    def plan(self, samples: Mapping[str, GivenSamples] | None = None) -> Plan:
        """What `transplant` would do with the same samples, and why.

        Raises:
            LegonetError: a teacher's files cannot be read, or samples do not fit.
        """
        prints = None
        if samples:
            from legonet.run.transplant import prints_of

            prints = prints_of(self.graph, samples)
        found = self._site().survey(self.lock, prints)
        self._planned = found.before
        return found.plan

    def verify(self) -> tuple[str, ...]:
        """Read all that has been built; what is damaged is set aside, so that the plan builds it again.

        Returns:
            What was damaged, for people.

        Raises:
            StoreError: a blob cannot be read.
        """
        from legonet.run.prepare import set_aside
        from legonet.store.gc import named

        return set_aside(named(self._read_lock()), self.store)

    def ports(self, plan: Plan) -> dict[str, Ports]:
        """What each adapter of a plan of this network joins: both ports' shapes, and its layers in words.

        Raises:
            LegonetError: a teacher's block cannot be read, or two modules cannot be joined.
        """
        from legonet.plan.ports import find_ports

        graph = self.graph if self._planned is None else self._planned.graph
        return find_ports(graph, plan, self._site().port_finder())

    def _site(self) -> Site:
        """Where the network lives; needs no torch."""
        from legonet.run.journal import Journal
        from legonet.run.site import Site

        journal = Journal(None if self._workspace is None else self._workspace.journal_path)
        return Site(self.graph, self.store, self._sources, journal, self._workspace, self._planned)

    def transplant(
        self,
        samples: Mapping[str, GivenSamples] | None = None,
        *,
        device: torch.device | str = "cpu",
        progress: Callable[[Progress], None] | None = None,
        options: Options | None = None,
        accept: Callable[[Plan], None] | None = None,
        executor: Executor | None = None,
    ) -> Run:
        """Fit what the plan lists; what is fitted already is kept, byte for byte.

        Args:
            samples: by path, (images, labels) or a dataset of such pairs; images (batch, channels, height,
                width) in [0, 1]; labels may be None. A path without an entry is fitted without an image.
            device: where to compute.
            progress: told of each step.
            options: which jobs, in which order, where, within which limits; default: one after the other.
            accept: is given the plan before anything is done, and may raise to refuse it.
            executor: does the jobs, in place of the one that the options name.

        Returns:
            What was done.

        Raises:
            LegonetError: an adapter cannot be fitted; those that were fitted before it are kept.
        """
        from legonet.run.options import Options
        from legonet.run.transplant import transplant

        return transplant(
            self._site(),
            self._read_lock,
            self._save_lock,
            samples,
            self._normalise,
            device,
            options or Options(),
            progress,
            accept,
            executor,
        )

    def finetune(
        self,
        tuning: Tuning,
        samples: Mapping[str, GivenSamples] | None = None,
        *,
        device: torch.device | str = "cpu",
        progress: Callable[[int, int, float], None] | None = None,
    ) -> Tuned:
        """Fine-tune a task module for all its categories, or a category module for all its tasks.

        It is done on a copy, which is kept only if no path that uses it gets worse on its held-out images.

        Args:
            tuning: of what, how, and by how much a path may get worse.
            samples: by path, as for `transplant`; without any, images are synthesised from the teacher.
            device: where to compute.
            progress: called with (step, steps, loss).

        Raises:
            LegonetError: no such task or category, or a path of it is not built.
        """
        from legonet.run.finetune import tune_at

        site, load, save = self._site(), self._read_lock, self._save_lock
        return tune_at(site, load, save, samples, self._normalise, tuning, device, progress)

    def _read_lock(self) -> Lock:
        """What has been built, as the file says by now: another process may have written it."""
        if self.path is not None:
            self.lock = read_lock(lock_path(self.path))
        return self.lock

    def _save_lock(self, lock: Lock) -> None:
        self.lock = lock
        if self.path is not None:
            write_lock(lock_path(self.path), lock)

    # Using it.

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
            names: paths such as `cat:classify`, or applications of the graph.
            categories: or every built path of these categories,
            tasks: and of these tasks. Nothing at all: every built path.
            device: where the module is. Over several, categories are spread; images and tasks are on the
                first.
            passes: that rewrite it to less work: `all`, `none`: the naive composition, `exact`: those that
                keep every bit, `training`: those that leave adapters to be trained, or some of
                `legonet.compile.passes.PASSES`.
            separate_inputs: it takes a dict of images by category.
            memory_format: `contiguous`, `channels-last`, or `auto`: channels last on a CPU.
            dtype: `float32`; `bfloat16`: weights too; `float16`: autocast. Outputs are float32 in any case.
            grouping: modules run side by side where that is `measured` to be faster, once for each shape on
                a machine, or by a fixed `rule`.
            torch_compile: run it through torch.compile, in its default mode or the one that is named; call
                `warm_up` before it matters.
            cuda_graphs: on a CUDA device, record each shape of images once and replay it.

        Returns:
            A frozen module of its own weights, in evaluation mode. It gives a tensor for one path, and a
            dict by path for several.

        Raises:
            SelectError: no such path, its adapter is not fitted, or an option that is none.
        """
        from legonet.compile.open import compile_paths
        from legonet.compile.options import Options

        options = Options(
            passes, separate_inputs, device, memory_format, dtype, grouping, torch_compile, cuda_graphs
        )
        return compile_paths(self._site(), self.lock, names, categories, tasks, options)

    def __getitem__(self, names: str | tuple[str, ...]) -> Bricks | Application:
        """Categories, tasks, paths or applications by name; `net["cat"] >> net["classify"]` connects them.

        Raises:
            SelectError: no such name, or a path that is not built.
        """
        from legonet.compile.bricks import find_bricks

        return find_bricks(self, names)

    def unadapted(self, path: str, device: torch.device | str = "cpu") -> CompiledNetwork:
        """The path with its adapter left out, to compare with.

        Raises:
            SelectError: no such path, no teacher for it, or the two modules differ in shape.
        """
        from legonet.compile.open import compile_unadapted

        return compile_unadapted(self._site(), self.lock, path, device)

    def edge(self, path: str) -> Edge:
        """The frozen modules that a path's adapter joins, for experiments with `legonet.distill.fit.fit`.

        Raises:
            SelectError: no such path, or no teacher for it.
        """
        from legonet.run.execute import open_edge

        return open_edge(self._site(), self.lock, path)

    def teacher(self, name: str, device: torch.device | str = "cpu") -> nn.Module:
        """A teacher as it was before it was cut: images in [0, 1] in, its output out.

        Raises:
            SelectError: no such teacher.
        """
        from legonet.compile.open import compile_teacher
        from legonet.run.site import find_source

        return compile_teacher(self.graph, find_source(self.graph, self._sources, name), device)

    def record(self, name: str, images: Callable[[str], Tensor]) -> tuple[Path, int]:
        """Record a teacher's statistics beside its weights, so that its modules need no image later.

        Args:
            name: of the teacher.
            images: gives its owner's images of a category, (batch, channels, height, width) in [0, 1].

        Returns:
            The statistics file, and the number of images.

        Raises:
            SelectError: no such teacher, or the network has no file.
        """
        from legonet.run.site import find_source
        from legonet.teachers.memory import record_file

        source = find_source(self.graph, self._sources, name)
        category = self.graph.teachers[name].category
        return record_file(source, lambda: self._normalise(images(category)))

    def render(
        self,
        path: str | Path,
        figures: Mapping[str, Mapping[str, float]] | None = None,
        *,
        ports: bool = False,
    ) -> Path:
        """Draw the network; the file's suffix names the format: svg, png, pdf, dot, mmd or html.

        Args:
            path: the picture.
            figures: numbers to write beside each path, such as `{"cat:classify": {"error": 0.04}}`.
            ports: write on each adapter what shapes it joins, and its layers.

        Raises:
            RenderError: no such format, or the file cannot be written.
        """
        from legonet.render import make_view, render

        plan = self.plan()
        lines = {name: each.lines for name, each in self.ports(plan).items()} if ports else None
        return render(make_view(self.graph, self.lock, plan, figures, lines), path)
