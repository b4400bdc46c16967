"""`Network`: a transplant network in code, over its graph, its lock and its store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from legonet.errors import GraphError, SelectError
from legonet.graph.build import extended, new_graph
from legonet.graph.load import LoadedGraph, load_graph
from legonet.graph.lock import Lock, LockedTeacher, lock_path, read_lock, write_lock
from legonet.graph.schema import Graph
from legonet.graph.select import adapter_spec, find_edge, split_path
from legonet.graph.suggest import did_you_mean, listed
from legonet.plan.diff import Plan, diff
from legonet.store.blobs import BlobStore, MemoryStore
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from legonet.compile.bricks import Application, Bricks
    from legonet.compile.network import CompiledNetwork
    from legonet.distill.context import Edge
    from legonet.run.runner import Progress, Run
    from legonet.run.samples import GivenSamples
    from legonet.teachers.source import TeacherSource


class Network:
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
        self.graph: Graph = new_graph(name, input_shape, mean, std)
        self.lock = Lock()
        self.store: BlobStore = MemoryStore()
        self.path: Path | None = None
        self._workspace: Workspace | None = None
        self._sources: dict[str, TeacherSource] = {}

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Open the network of a graph file: the graph, its lock file, and the workspace's store.

        Raises:
            GraphError: the file has problems; the message lists all of them.
        """
        network = cls("loading")
        network._open(load_graph(path), Path(path))
        return network

    def _open(self, loaded: LoadedGraph, path: Path) -> None:
        from legonet.teachers.source import FileTeacher

        workspace = Workspace.find(path)
        self.graph, self.path, self._workspace = loaded.graph, path, workspace
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

    # Building in code.

    def add_category(self, name: str, label: str | None = None) -> None:
        """Add a category, with the label that people call it by; default: its name.

        Raises:
            GraphError: a name or label that a graph file could not have.
        """
        self.graph = extended(self.graph, {"categories": {name: {} if label is None else {"label": label}}})

    def add_task(
        self, name: str, output: Mapping[str, Any], adapter: Mapping[str, Any] | None = None
    ) -> None:
        """Add a task.

        Args:
            name: of the task.
            output: its meaning as in a graph file, such as `{"kind": "binary"}`.
            adapter: the adapter of each edge to it, as in a graph file.

        Raises:
            GraphError: a name, output or adapter that a graph file could not have.
        """
        entry = {"output": output} | ({} if adapter is None else {"adapter": adapter})
        self.graph = extended(self.graph, {"tasks": {name: entry}})

    def add_teacher(
        self,
        name: str,
        module: nn.Module,
        *,
        category: str,
        task: str,
        cut: str,
        images: Tensor | None = None,
    ) -> None:
        """Add a trained model; its category and its task are added too if they are new.

        Args:
            name: of the teacher.
            module: takes normalised images of the network's input shape. It is copied. It may be any chain
                of known layers, such as an nn.Sequential or torchvision's vgg16.
            category: that it was trained for.
            task: that it was trained for. A new task takes its meaning from the shape of the output: one
                score is binary, a map is a mask, a vector is a vector.
            cut: the category module ends with the layer of this name, such as `features.4`.
            images: of its owner, (batch, channels, height, width) in [0, 1], to record statistics on, so
                that its modules can be transplanted without any.

        Raises:
            TeacherError: the model cannot be described or cut, or its output does not fit the task.
            DataError: images of another shape or range.
            GraphError: there is a teacher of this name, or one for this category and task.
        """
        from legonet.data.tensors import check_images
        from legonet.teachers.memory import arrive, record_bytes, with_statistics

        graph, source = arrive(self.graph, name, module, category, task, cut)
        if images is not None:
            shown = self._normalise(check_images(images, f"teachers.{name}", graph.input.shape))
            source = with_statistics(source, record_bytes(source, shown.split(256)))
        self.graph, self._sources = graph, {**self._sources, name: source}

    def connect(self, category: str, task: str, adapter: Mapping[str, Any] | None = None) -> None:
        """Say how a category and a task are joined; `transplant` fits it.

        Args:
            category: of the network.
            task: of the network.
            adapter: as in a graph file, such as `{"kernel": 1, "depth": 3}`.

        Raises:
            SelectError: no such category or task.
            GraphError: no such adapter, or one teacher gives both modules, so that none is needed.
        """
        adapter_spec(self.graph, category, task)  # refuses names that do not exist
        path = f"{category}:{task}"
        edge = find_edge(extended(self.graph, {"adapters": {path: {}}}), path)
        if edge.native:
            raise GraphError(
                f"{path}: the teacher {edge.teacher} gives both modules; expected a path that joins modules "
                "of two teachers; compile it as it is"
            )
        self.graph = extended(self.graph, {"adapters": {path: adapter or {}}})

    # Planning and building.

    def plan(self, samples: Mapping[str, GivenSamples] | None = None) -> Plan:
        """What `transplant` would do with the same samples, and why.

        Raises:
            LegonetError: a teacher's files cannot be read, or samples do not fit.
        """
        prints = {}
        if samples:
            from legonet.run.samples import fingerprint_samples, read_given

            prints = {
                path: fingerprint_samples(each) for path, each in read_given(self.graph, samples).items()
            }
        return self._survey(prints)[0]

    def _survey(
        self, prints: Mapping[str, str], graph: Graph | None = None
    ) -> tuple[Plan, dict[str, LockedTeacher]]:
        """The plan of a graph, and its teachers as their files are now; needs no torch."""
        from legonet.run.prepare import facts, lock_teachers

        graph = graph or self.graph
        sources = {name: self._sources[name] for name in graph.teachers}
        teachers = lock_teachers(sources, self.lock)
        return diff(graph, self.lock, facts(teachers, self.lock, self.store, prints)), teachers

    def transplant(
        self,
        samples: Mapping[str, GivenSamples] | None = None,
        *,
        device: torch.device | str = "cpu",
        progress: Callable[[Progress], None] | None = None,
    ) -> Run:
        """Fit what the plan lists; what is fitted already is kept, byte for byte.

        Args:
            samples: by path, (images, labels) or a dataset of such pairs; images (batch, channels, height,
                width) in [0, 1]; labels may be None. A path without an entry is fitted without an image.
            device: where to compute.
            progress: told of each step.

        Returns:
            What was done.

        Raises:
            LegonetError: an adapter cannot be fitted; those that were fitted before it are kept.
        """
        from legonet.blocks.device import find_device
        from legonet.distill.fit import Samples
        from legonet.run.jobs import blobs_of, make_jobs
        from legonet.run.journal import Journal
        from legonet.run.prepare import lock_modules, store_blobs
        from legonet.run.runner import run
        from legonet.run.samples import fingerprint_samples, read_given

        where = find_device(device)
        read = read_given(self.graph, samples or {})
        plan, teachers = self._survey({path: fingerprint_samples(each) for path, each in read.items()})
        jobs = make_jobs(self.graph, plan, teachers)
        store_blobs(blobs_of(jobs), self._sources, teachers, self.store)
        given = {path: Samples(self._normalise(images), labels) for path, (images, labels) in read.items()}
        lock = lock_modules(self.graph, self.lock, teachers)
        journal = Journal(None if self._workspace is None else self._workspace.journal_path)
        result = run(plan, jobs, lock, self.store, journal, self._save_lock, given, where, progress)
        if result.lock != self.lock:
            self._save_lock(result.lock)
        unused = (edge for path, edge in plan.by_path.items() if path in read and edge.key is None)
        notes = [f"{edge.path}: its samples are not used: {edge.reason}" for edge in unused]
        return replace(result, notes=(*notes, *result.notes))

    def _save_lock(self, lock: Lock) -> None:
        self.lock = lock
        if self.path is not None:
            write_lock(lock_path(self.path), lock)

    def _normalise(self, images: Tensor) -> Tensor:
        from legonet.compile.network import normalisation

        return normalisation(self.graph.input)(images)

    # Using it.

    def compile(
        self,
        *names: str,
        categories: Iterable[str] | None = None,
        tasks: Iterable[str] | None = None,
        device: torch.device | str = "cpu",
        passes: str | Iterable[str] = "all",
        separate_inputs: bool = False,
        memory_format: str = "auto",
    ) -> CompiledNetwork:
        """Join the modules of some paths to one nn.Module: images in [0, 1] in, outputs out.

        Args:
            names: paths such as `cat:classify`, or applications of the graph.
            categories: or every built path of these categories,
            tasks: and of these tasks. Nothing at all: every built path.
            device: where the module is.
            passes: that rewrite it to less work: `all`, `none`: the naive composition, `exact`: those that
                keep every bit, `training`: those that leave adapters to be trained, or some of
                `legonet.compile.passes.PASSES`.
            separate_inputs: it takes a dict of images by category.
            memory_format: `contiguous`, `channels-last`, or `auto`: channels last on a CPU.

        Returns:
            A frozen module of its own weights, in evaluation mode. It gives a tensor for one path, and a
            dict by path for several.

        Raises:
            SelectError: no such path, or its adapter is not fitted.
        """
        from legonet.blocks.device import find_device
        from legonet.compile.assemble import Options, assemble
        from legonet.compile.choose import choose_paths, concerning

        options = Options(passes, separate_inputs, find_device(device), memory_format)
        part = concerning(self.graph, names, categories, tasks)
        plan, teachers = self._survey({}, part)
        chosen = choose_paths(self.graph, plan, names, categories, tasks)
        adapters = {
            edge.path: self.lock.adapters[edge.path].adapter for edge in chosen if edge.action == "keep"
        }
        paths = [edge.path for edge in chosen]
        return assemble(self.graph, self._ready(paths, teachers, part), self.store, paths, adapters, options)

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
        from legonet.blocks.device import find_device
        from legonet.compile.assemble import PLAIN, assemble
        from legonet.run.prepare import lock_teachers

        self._taught(path)
        options = replace(PLAIN, device=find_device(device))
        lock = self._ready([path], lock_teachers(self._sources, self.lock))
        return assemble(self.graph, lock, self.store, [path], {}, options)

    def edge(self, path: str) -> Edge:
        """The frozen modules that a path's adapter joins, for experiments with `legonet.distill.fit.fit`.

        Raises:
            SelectError: no such path, or no teacher for it.
        """
        from legonet.run.execute import load_edge
        from legonet.run.jobs import blobs_of, make_job
        from legonet.run.prepare import lock_teachers, store_blobs

        teachers = lock_teachers(self._sources, self.lock)
        job = make_job(self.graph, path, self._taught(path), teachers)
        store_blobs(blobs_of([job]), self._sources, teachers, self.store)
        return load_edge(job, self.store)

    def _taught(self, path: str) -> str:
        """The teacher of a path."""
        name = find_edge(self.graph, path).teacher
        if name is None:
            raise SelectError(f"{path}: no teacher has this category and task; expected one; add it")
        return name

    def teacher(self, name: str, device: torch.device | str = "cpu") -> nn.Module:
        """A teacher as it was before it was cut: images in [0, 1] in, its output out.

        Raises:
            SelectError: no such teacher.
        """
        from torch import nn

        from legonet.blocks.device import find_device
        from legonet.blocks.weights import load_module
        from legonet.compile.network import normalisation

        parts = self._source(name).parts()
        model = nn.Sequential(normalisation(self.graph.input), load_module(parts.f), load_module(parts.g))
        return model.to(find_device(device)).eval().requires_grad_(False)

    def _ready(
        self, paths: Iterable[str], teachers: Mapping[str, LockedTeacher], graph: Graph | None = None
    ) -> Lock:
        """The lock with the modules of these paths, which are put into the store if they are not there."""
        from legonet.run.prepare import lock_modules, store_blobs

        lock = lock_modules(graph or self.graph, self.lock, teachers)
        pairs = [split_path(path) for path in paths]
        needed = {lock.categories[category].module for category, _ in pairs}
        needed |= {lock.tasks[task].module for _, task in pairs}
        store_blobs(needed, self._sources, teachers, self.store)
        return lock

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
        from legonet.store.files import write_file
        from legonet.teachers.memory import record_bytes
        from legonet.teachers.source import FileTeacher

        source = self._source(name)
        if not isinstance(source, FileTeacher):
            raise SelectError(
                f"teachers.{name}: is in memory; give `images` to add_teacher, or save the network"
            )
        shown = images(self.graph.teachers[name].category)
        data = record_bytes(source, self._normalise(shown).split(256))
        write_file(source.statistics_path(), data)
        return source.statistics_path(), len(shown)

    def _source(self, name: str) -> TeacherSource:
        if name not in self._sources:
            there = f"teachers are {listed(list(self._sources))}" if self._sources else "there are none yet"
            raise SelectError(
                f"{self.graph.name}: no teacher '{name}'; {there}; name one that exists."
                f"{did_you_mean(name, self._sources)}"
            )
        return self._sources[name]

    def render(self, path: str | Path, figures: Mapping[str, Mapping[str, float]] | None = None) -> Path:
        """Draw the network; the file's suffix names the format: svg, png, pdf, dot, mmd or html.

        Args:
            path: the picture.
            figures: numbers to write beside each path, such as `{"cat:classify": {"error": 0.04}}`.

        Raises:
            RenderError: no such format, or the file cannot be written.
        """
        from legonet.render import render

        return render(self.graph, path, lock=self.lock, plan=self.plan(), figures=figures)
