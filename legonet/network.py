"""`Network`: a transplant network in code, over its graph, its lock and its store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from legonet.errors import GraphError, SelectError
from legonet.graph.dump import dump_yaml
from legonet.graph.load import LoadedGraph, load_graph
from legonet.graph.lock import Lock, lock_path, read_lock, write_lock
from legonet.graph.problems import format_report
from legonet.graph.schema import Adapter, Category, Graph, Input, Task, Teacher
from legonet.graph.select import select_paths
from legonet.graph.structure import explain
from legonet.plan.diff import Plan, diff
from legonet.store.blobs import BlobStore, MemoryStore
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from legonet.compile.network import CompiledNetwork
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
        given: dict[str, Any] = {"shape": list(input_shape)}
        given |= {} if mean is None else {"mean": list(mean)}
        given |= {} if std is None else {"std": list(std)}
        self.graph: Graph = _checked(Graph, {"legonet": 1, "name": name, "input": given}, "Network")
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
            name: FileTeacher(name, teacher, folder, workspace) for name, teacher in loaded.graph.teachers.items()
        }

    def save(self, path: str | Path) -> Path:
        """Write the graph file, the lock file, blocks and teachers' weights; then the network is there.

        Args:
            path: the graph file, such as `graphs/animals.yaml`.

        Returns:
            The graph file's path.

        Raises:
            LegonetError: a file cannot be written.
        """
        from legonet.teachers.save import save_network

        file = Path(path)
        save_network(self.graph, self.lock, self.store, self._sources, file)
        write_lock(lock_path(file), self.lock)
        self._open(load_graph(file), file)
        return file

    # Building in code.

    def add_category(self, name: str, label: str | None = None) -> None:
        """Add a category, with the label that people call it by; default: its name."""
        self._change("categories", name, _checked(Category, {"label": label}, f"categories.{name}"))

    def add_task(self, name: str, output: Mapping[str, Any], adapter: Mapping[str, Any] | None = None) -> None:
        """Add a task.

        Args:
            name: of the task.
            output: its meaning as in a graph file, such as `{"kind": "binary"}`.
            adapter: the adapter of each edge to it, as in a graph file.
        """
        data = {"output": dict(output), "adapter": dict(adapter or {})}
        self._change("tasks", name, _checked(Task, data, f"tasks.{name}"))

    def add_teacher(
        self, name: str, module: nn.Module, *, category: str, task: str, cut: str, images: Tensor | None = None
    ) -> None:
        """Add a trained model; its category and its task are added too if they are new.

        Args:
            name: of the teacher.
            module: takes normalised images of the network's input shape. It is copied. It may be any chain
                of known layers, such as an nn.Sequential or torchvision's vgg16.
            category: that it was trained for.
            task: that it was trained for. A new task takes its meaning from the shape of the output: one
                score is binary, a map is a mask, anything else a vector.
            cut: the category module ends with the layer of this name, such as `features.4`.
            images: of its owner, (batch, channels, height, width) in [0, 1], to record statistics on, so
                that its modules can be transplanted without any.

        Raises:
            TeacherError: the model cannot be described or cut.
            GraphError: there is a teacher of this name, or one for this category and task.
        """
        from legonet.teachers.memory import from_module, output_of, record_bytes, with_statistics

        if name in self.graph.teachers:
            raise GraphError(f"teachers.{name}: is there already; choose another name")
        for other, teacher in self.graph.teachers.items():
            if (teacher.category, teacher.task) == (category, task):
                raise GraphError(
                    f"teachers.{name}: {category}:{task} has the teacher {other} already; "
                    "expected one teacher for each path"
                )
        source, shape = from_module(name, module, self.graph.input.shape, cut)
        if images is not None:
            source = with_statistics(source, record_bytes(source, [self._normalise(images)]))
        data = {"category": category, "task": task, "model": name, "cut": cut}
        spec = _checked(Teacher, {**data, "weights": f"teachers/{name}.safetensors"}, f"teachers.{name}")
        if category not in self.graph.categories:
            self.add_category(category)
        if task not in self.graph.tasks:
            self.add_task(task, output_of(shape))
        self._sources[name] = source
        self._change("teachers", name, spec)

    def connect(self, category: str, task: str, adapter: Mapping[str, Any] | None = None) -> None:
        """Say how a category and a task are joined; `transplant` fits it.

        Args:
            category: of the network.
            task: of the network.
            adapter: as in a graph file, such as `{"kernel": 1, "depth": 3}`.

        Raises:
            GraphError: no such category or task, or no such adapter.
        """
        path = f"{category}:{task}"
        for what, found, known in (
            ("category", category, self.graph.categories),
            ("task", task, self.graph.tasks),
        ):
            if found not in known:
                there = ", ".join(known) or "none yet"
                raise SelectError(f"{path}: no {what} '{found}'; there are {there}; add it first")
        self._change("adapters", path, _checked(Adapter, dict(adapter or {}), f"adapters.{path}"))

    def _change(self, section: str, name: str, entry: BaseModel) -> None:
        """Add or replace one entry; names are checked as in a graph file."""
        entries = {**getattr(self.graph, section), name: entry}
        graph = self.graph.model_copy(update={section: entries})
        data = graph.model_dump(mode="json", by_alias=True, exclude_unset=True)
        problems = explain(data, Graph)
        if problems:
            raise GraphError(format_report(problems, self.graph.name))
        self.graph = graph

    # Planning and building.

    def plan(self, samples: Mapping[str, GivenSamples] | None = None) -> Plan:
        """What `transplant` would do with the same samples, and why."""
        from legonet.run.prepare import facts, lock_teachers

        prints = {}
        if samples:
            from legonet.run.samples import fingerprint_samples

            prints = {path: fingerprint_samples(each) for path, each in self._read(samples).items()}
        teachers = lock_teachers(self._sources, self.lock)
        return diff(self.graph, self.lock, facts(teachers, self.lock, self.store, prints))

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
        from legonet.distill.fit import Samples
        from legonet.run.journal import Journal
        from legonet.run.prepare import facts, lock_modules, lock_teachers, make_jobs, modules_of, store_modules
        from legonet.run.runner import run
        from legonet.run.samples import fingerprint_samples

        read = self._read(samples or {})
        prints = {path: fingerprint_samples(each) for path, each in read.items()}
        teachers = lock_teachers(self._sources, self.lock)
        plan = diff(self.graph, self.lock, facts(teachers, self.lock, self.store, prints))
        jobs = make_jobs(self.graph, plan, teachers)
        store_modules(modules_of(jobs), self._sources, teachers, self.store)
        given = {path: Samples(self._normalise(images), labels) for path, (images, labels) in read.items()}
        lock = lock_modules(self.graph, self.lock, teachers)
        journal = Journal(None if self._workspace is None else self._workspace.journal_path)
        result = run(plan, jobs, lock, self.store, journal, self._save_lock, given, device, progress)
        if result.lock != self.lock:
            self._save_lock(result.lock)
        return result

    def _read(self, samples: Mapping[str, GivenSamples]) -> dict[str, tuple[Tensor, Tensor | None]]:
        from legonet.run.samples import read_samples

        select_paths(self.graph, samples)
        return {path: read_samples(each, path, self.graph.input.shape) for path, each in samples.items()}

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
    ) -> CompiledNetwork:
        """Join the modules of some paths to one nn.Module: images in [0, 1] in, outputs out.

        Args:
            names: paths such as `cat:classify`, or applications of the graph.
            categories: or every built path of these categories,
            tasks: and of these tasks. Nothing at all: every built path.
            device: where the module is.

        Returns:
            A frozen module of its own weights, in evaluation mode. It gives a tensor for one path, and a
            dict by path for several.

        Raises:
            SelectError: no such path, or its adapter is not fitted.
        """
        from legonet.compile.assemble import assemble

        edges = {edge.path: edge for edge in self.plan() if edge.action != "remove"}
        if names:
            paths = select_paths(self.graph, names)
        else:
            wanted = (set(categories or self.graph.categories), set(tasks or self.graph.tasks))
            paths = [
                path
                for path, edge in edges.items()
                if edge.action in ("keep", "native")
                and (path.partition(":")[0] in wanted[0] and path.partition(":")[2] in wanted[1])
            ]
        if not paths:
            raise SelectError(f"{self.graph.name}: no path is built yet; add teachers, then transplant")
        for path in paths:
            if edges[path].action not in ("keep", "native"):
                raise SelectError(
                    f"{path}: not built ({edges[path].reason}); run `legonet transplant`, or call transplant()"
                )
        adapters = {
            path: self.lock.adapters[path].adapter if edges[path].action == "keep" else None for path in paths
        }
        return assemble(self.graph, self._ready(paths), self.store, paths, adapters, device)

    def unadapted(self, path: str, device: torch.device | str = "cpu") -> CompiledNetwork:
        """The path with its adapter left out, to compare with."""
        from legonet.compile.assemble import assemble

        (path,) = select_paths(self.graph, [path])
        return assemble(self.graph, self._ready([path]), self.store, [path], {}, device)

    def teacher(self, name: str, device: torch.device | str = "cpu") -> nn.Module:
        """A teacher as it was before it was cut: images in [0, 1] in, its output out.

        Raises:
            SelectError: no such teacher.
        """
        from torch import nn

        from legonet.blocks.weights import load_module
        from legonet.compile.network import normalisation

        parts = self._source(name).parts()
        model = nn.Sequential(normalisation(self.graph.input), load_module(parts.f), load_module(parts.g))
        return model.to(device).eval().requires_grad_(False)

    def _ready(self, paths: Iterable[str]) -> Lock:
        """The lock with the modules of these paths, which are put into the store if they are not there."""
        from legonet.run.prepare import lock_modules, lock_teachers, store_modules

        teachers = lock_teachers(self._sources, self.lock)
        lock = lock_modules(self.graph, self.lock, teachers)
        pairs = [path.split(":") for path in paths]
        needed = {lock.categories[category].module for category, _ in pairs}
        needed |= {lock.tasks[task].module for _, task in pairs}
        store_modules(needed, self._sources, teachers, self.store)
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
            raise SelectError(f"teachers.{name}: is in memory; give `images` to add_teacher, or save the network")
        shown = images(self.graph.teachers[name].category)
        data = record_bytes(source, self._normalise(shown).split(256))
        write_file(source.statistics_path(), data)
        return source.statistics_path(), len(shown)

    def _source(self, name: str) -> TeacherSource:
        if name not in self._sources:
            raise SelectError(f"no teacher '{name}'; teachers are {', '.join(self._sources) or 'none yet'}")
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


def _checked(model: type[Any], data: dict[str, Any], where: str) -> Any:
    """Make a model of a graph file from plain data, with a graph file's messages."""
    data = {key: value for key, value in data.items() if value is not None}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise GraphError(format_report(explain(data, model), where)) from error
