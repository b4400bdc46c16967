"""`Network`: a transplant network in code, over its graph, its lock and its store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from legonet.errors import GraphError
from legonet.graph.build import extended, new_graph
from legonet.graph.collector import paused
from legonet.graph.load import LoadedGraph, load_graph
from legonet.graph.lock import Lock, lock_path, read_lock, write_lock
from legonet.graph.schema import Graph
from legonet.graph.select import adapter_spec, find_edge
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
    from legonet.graph.arrival import Different
    from legonet.plan.diff import Before
    from legonet.run.finetune import Tuned, Tuning
    from legonet.run.options import Options
    from legonet.run.runner import Progress, Run
    from legonet.run.samples import GivenSamples
    from legonet.run.site import Site
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
        self._planned: Before | None = None  # the last plan, which the next one goes on from

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
        cut: str | float,
        output: str | None = None,
        images: Tensor | None = None,
        different: Different = "keep",
        example_shape: tuple[int, ...] | None = None,
    ) -> None:
        """Add a trained model; its category and its task are added too if they are new.

        Args:
            name: of the teacher.
            module: takes normalised images of the network's input shape. It is copied. It may be any
                feed-forward model that torch.export can trace, such as torchvision's resnet18.
            category: that it was trained for.
            task: that it was trained for. A new task takes its meaning from the shape of the output: one
                score is binary, a map is a mask, a vector is a vector.
            cut: the category module ends with the layer, module or operation of this name, such as `layer2`;
                or a fraction of the model's multiplications, such as 0.5.
            output: which output counts, where the model gives several, such as `out`.
            images: of its owner, (batch, channels, height, width) in [0, 1], to record statistics on, so
                that its modules can be transplanted without any.
            different: what becomes of a known category whose module is another one: `keep` it, and match the
                two at the image; `replace` it, and a teacher of the same path; or make a `variant`, `cat@2`.
            example_shape: of the images that the model is traced with; default: the network's.

        Raises:
            TeacherError: the model cannot be traced or cut, or its output does not fit the task.
            DataError: images of another shape or range.
            GraphError: there is a teacher of this name, or one for this category and task.
        """
        from legonet.data.tensors import check_images
        from legonet.teachers.arrival import arrive_differently
        from legonet.teachers.memory import record_bytes, with_statistics

        graph, source = arrive_differently(
            self.graph, self._sources, name, module, category, task, cut, different, output, example_shape
        )
        if images is not None:
            shown = self._normalise(check_images(images, f"teachers.{name}", graph.input.shape))
            source = with_statistics(source, record_bytes(source, shown.split(256)))
        kept = {other: each for other, each in self._sources.items() if other in graph.teachers}
        self.graph, self._sources = graph, {**kept, name: source}

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
        prints = None
        if samples:
            from legonet.run.transplant import prints_of

            prints = prints_of(self.graph, samples)
        found = self._site().survey(self.lock, prints)
        self._planned = found.before
        return found.plan

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
    ) -> Run:
        """Fit what the plan lists; what is fitted already is kept, byte for byte.

        Args:
            samples: by path, (images, labels) or a dataset of such pairs; images (batch, channels, height,
                width) in [0, 1]; labels may be None. A path without an entry is fitted without an image.
            device: where to compute.
            progress: told of each step.
            options: which jobs, in which order, where, within which limits; default: one after the other.
            accept: is given the plan before anything is done, and may raise to refuse it.

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

        tuned = tune_at(self._site(), self.lock, samples, self._normalise, tuning, device, progress)
        if not tuned.worse:
            self._save_lock(tuned.lock)
        return tuned

    def _read_lock(self) -> Lock:
        """What has been built, as the file says by now: another process may have written it."""
        if self.path is not None:
            self.lock = read_lock(lock_path(self.path))
        return self.lock

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
        device: Device | Sequence[Device] = "cpu",
        passes: str | Iterable[str] = "all",
        separate_inputs: bool = False,
        memory_format: str = "auto",
        dtype: str = "float32",
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
