"""Fine-tunes a module that several paths share, on a copy, and keeps it only if no path gets worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from legonet.blocks.device import find_device
from legonet.distill.fitting.context import StepCallback
from legonet.distill.fitting.finetune import Judgement, TunedPath, finetune
from legonet.distill.recorded import expect_own
from legonet.distill.synthesis.inversion import invert
from legonet.errors import SelectError
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import meaning_of, split_path
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import load_module, write_module
from legonet.ir.sizes import output_shape
from legonet.notebook import page, table, title
from legonet.plan.plan import Plan
from legonet.run.execute import statistics_of
from legonet.run.prepare import lock_modules, mend_blobs, tuning_context
from legonet.run.project import Project, modules_of
from legonet.run.samples import GivenSamples, Prepare, read_given
from legonet.store.blobs import BlobStore
from legonet.tables import columns

SYNTHESISED = 256  # images of a path that none were given for
LEAST = 8  # images that are worth learning from and judging by


@dataclass(frozen=True)
class Tuning:
    """Which module is fine-tuned, and how. Either a task or a category is given.

    Attributes:
        task: The task whose module is fine-tuned.
        category: The category whose module is fine-tuned.
        steps: How many steps the optimiser makes.
        learning_rate: The learning rate of the first step.
        tolerance: By how much the measure of a path may grow before the module is refused.
        seed: The seed of all that is random.
    """

    task: str | None = None
    category: str | None = None
    steps: int = 200
    learning_rate: float = 1e-4
    tolerance: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning did to each path.

    Attributes:
        lock: What is built now: with the fine-tuned module, or as before if it was refused.
        paths: How good each path was before and after.
        worse: Paths that got worse than the tolerance allows; if there are none, the module was accepted.
    """

    lock: Lock = field(repr=False)
    paths: Mapping[str, Judgement]
    worse: tuple[str, ...]

    def _rows(self) -> list[tuple[str, ...]]:
        rows = [("path", "measure", "before", "after", "images", "")]
        for path, each in self.paths.items():
            figures = (f"{each.before:.4g}", f"{each.after:.4g}", str(each.images))
            rows.append((path, each.measure, *figures, "worse" if path in self.worse else ""))
        return rows

    def table(self) -> str:
        """Give how good each path was before and after, in columns."""
        return "\n".join(columns(self._rows(), right=(2, 3, 4)))

    def __str__(self) -> str:
        said = f"refused: {listed(list(self.worse))} got worse" if self.worse else "accepted"
        return f"{self.table()}\n{said}"

    def _repr_html_(self) -> str:
        heads, *rows = self._rows()
        said = "refused, since a path got worse" if self.worse else "accepted"
        return page(title("Fine-tuning", said), table(heads, rows, (2, 3, 4)))


def tune_at(
    project: Project,
    load: Callable[[], Lock],
    save: Callable[[Lock], None],
    samples: Mapping[str, GivenSamples] | None,
    prepare: Prepare,
    tuning: Tuning,
    device: torch.device | str,
    progress: StepCallback | None = None,
) -> Tuned:
    """Fine-tune one module of a network; see `legonet.network.Network.finetune`.

    Args:
        project: Where the network lives.
        load: Reads the lock as it is once no other run can write it.
        save: Writes it, if the module is accepted.
        samples: Samples by path.
        prepare: Turns photos into what a path's category module takes, and labels with them.
        tuning: How.
        device: The device to compute on.
        progress: Called with (step, steps, loss).

    Raises:
        StoreError: Another run is at work on the network.
    """
    where, read = find_device(device), read_given(project.graph, samples or {})
    given = {path: prepare(path, *each) for path, each in read.items()}
    with project.alone():
        tuned = _tune_now(project, load(), given, tuning, where, progress)
        if not tuned.worse:
            save(tuned.lock)
    return tuned


def _tune_now(
    project: Project,
    lock: Lock,
    given: Mapping[str, tuple[Tensor, Tensor | None]],
    tuning: Tuning,
    device: torch.device,
    progress: StepCallback | None,
) -> Tuned:
    found = project.plan(lock)
    paths = [edge.path for edge in found.plan if edge.action in ("keep", "native")]
    now = lock_modules(found.graph, lock, found.teachers)
    needed = modules_of(now, paths)
    for each in found.teachers.values():
        needed |= {each.category_module, each.task_module, each.statistics or each.task_module}
    mend_blobs(needed, project.sources, found.teachers, project.store)
    return tune(found.graph, found.plan, now, project.store, given, tuning, device, progress)


def tune(
    graph: Graph,
    plan: Plan,
    lock: Lock,
    store: BlobStore,
    samples: Mapping[str, tuple[Tensor, Tensor | None]],
    tuning: Tuning,
    device: torch.device | str = "cpu",
    progress: StepCallback | None = None,
) -> Tuned:
    """Fine-tune one module, from what its teacher gave: so the same again, such as after a kill, is the same.

    Args:
        graph: Settled.
        plan: Tells what is built.
        lock: With the modules as they are now; the store has all of them.
        store: Takes the module if it is accepted.
        samples: By path, images normalised; labels may be None.
        tuning: How.
        device: The device to compute on.
        progress: Called with (step, steps, loss).

    Raises:
        SelectError: No such task or category, or not all of its paths are built.
    """
    names = _paths(graph, plan, tuning)
    shared = lock.tasks[tuning.task] if tuning.task is not None else lock.categories[tuning.category or ""]
    loader = _Loader(graph, plan, lock, store, device)
    module = loader.load(shared.module)
    paths = {name: loader.path(name, tuning, samples.get(name)) for name in names}
    tuned = finetune(module, paths, tuning.steps, tuning.learning_rate, tuning.seed, progress)
    worse = tuple(
        name
        for name, each in tuned.paths.items()
        if not each.after <= each.before + tuning.tolerance  # not a number is worse too
    )
    if worse:
        return Tuned(lock, tuned.paths, worse)
    kind = "task-module" if tuning.task is not None else "category-module"
    sha = store.put(write_module(kind, tuned.module.cpu()))
    section, name = ("tasks", tuning.task) if tuning.task is not None else ("categories", tuning.category)
    context = tuning_context(lock, shared.module, section, name or "")
    changed = shared.model_copy(update={"tuned": sha, "tuned_with": context})
    parts = {**getattr(lock, section), name: changed}
    return Tuned(lock.model_copy(update={section: parts}), tuned.paths, ())


def _paths(graph: Graph, plan: Plan, tuning: Tuning) -> list[str]:
    """The paths that use the module; all of them must be built."""
    if (tuning.task is None) == (tuning.category is None):
        raise SelectError(
            f"{graph.name}: expected either a task or a category to fine-tune; name one of them"
        )
    what, name = ("task", tuning.task) if tuning.task is not None else ("category", tuning.category)
    known = graph.tasks if what == "task" else graph.categories
    if name not in known:
        raise SelectError(
            f"{graph.name}: no {what} '{name}'; expected one of {listed(list(known))}; correct the name."
            f"{did_you_mean(name or '', known)}"
        )
    place = 1 if what == "task" else 0
    edges = [edge for edge in plan if split_path(edge.path)[place] == name and edge.action != "remove"]
    waiting = [edge.path for edge in edges if edge.action in ("add", "refit")]
    if waiting:
        raise SelectError(
            f"{graph.name}: {', '.join(waiting)} not fitted; expected every path of {what} '{name}' to be "
            "built; run `legonet transplant` first"
        )
    built = [edge.path for edge in edges if edge.action in ("keep", "native")]
    if len(built) < 2:
        raise SelectError(
            f"{graph.name}: {what} '{name}' has {len(built)} built path{'' if len(built) == 1 else 's'}; "
            "expected two or more that share its module"
        )
    return built


class _Loader:
    """Puts paths together from the store's modules."""

    def __init__(
        self, graph: Graph, plan: Plan, lock: Lock, store: BlobStore, device: torch.device | str
    ) -> None:
        self._graph, self._plan, self._lock, self._store, self._device = graph, plan, lock, store, device

    def load(self, sha: str) -> GraphModule:
        """A module on the device."""
        return load_module(self._store.map(sha), where=f"module {sha[:10]}").to(self._device)

    def path(self, name: str, tuning: Tuning, given: tuple[Tensor, Tensor | None] | None) -> TunedPath:
        """A path, its teacher, and images of it."""
        category, task = split_path(name)
        edge, meaning = self._plan.by_path[name], meaning_of(self._graph, name)
        f, g = self.load(self._lock.categories[category].built), self.load(self._lock.tasks[task].built)
        adapter = nn.Sequential()
        if edge.action == "keep":
            adapter = self.load(self._lock.adapters[name].adapter)

        def through(module: GraphModule) -> nn.Module:
            if tuning.task is not None:
                return nn.Sequential(f, adapter, module)
            return nn.Sequential(module, adapter, g)

        images, labels = (None, None) if given is None else given
        teacher = None
        if edge.teacher is not None:
            own = self._lock.teachers[edge.teacher]
            parts = self.load(own.category_module), self.load(own.task_module)
            teacher = nn.Sequential(*parts)
            if images is None or len(images) < LEAST:
                statistics = statistics_of(self._store, own.statistics, name)
                features = output_shape(parts[0].graph, self._graph.input_of(category).shape, where=name)
                expect_own(statistics, parts[1], features, name)
                generator = torch.Generator().manual_seed(tuning.seed)
                images, labels = (
                    invert(
                        *parts,
                        self._graph.input_of(category),
                        statistics,
                        SYNTHESISED,
                        generator,
                        self._device,
                    ),
                    None,
                )
        if images is None or len(images) < LEAST:
            raise SelectError(
                f"{name}: has no teacher; expected {LEAST} images or more to judge it by; give some"
            )
        labels = None if labels is None else labels.to(self._device)
        return TunedPath(through, teacher, images.to(self._device), labels, meaning)
