"""How fast compiled networks of models that people use run, beside what an expert writes by hand.

Models of torchvision and timm with random weights are cut in two and joined again: as one path, with five
category modules above a common stem, and with five category modules and two task modules. `benchmarks.expert`
has what they are compared with; `benchmarks.timing` says how.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

import torch
from torch import Tensor, nn

from benchmarks.expert import Run, fastest, folded, one_model, ordered
from benchmarks.library import MODELS, SHARED, Known, Shared, fine_tuned
from benchmarks.targets import Figure, at_least, at_most
from benchmarks.timing import devices, one_thread, ratio, ratios
from legonet.blocks.adapter_layers import adapter_layers
from legonet.blocks.build import build_layers, lowered
from legonet.compile.assemble import join
from legonet.compile.export import BATCHES, export
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.options import CompileOptions
from legonet.compile.signature import OutputSignature, Signature
from legonet.errors import ExportError
from legonet.graph.schema import Adapter
from legonet.ir.graph import ModelGraph
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import with_tensors
from legonet.ir.sizes import output_shape
from legonet.ir.split import cut_at
from legonet.outputs.vector import VectorOutput
from legonet.teachers.tracing.trace import trace

OF_EXPERT, OF_PLAIN, OF_SHARED, OF_TEN, AS_SHARED, APART = 1.00, 0.9, 1.03, 1.8, 1.0, 1e-5
CATEGORIES, TASKS = 5, ("a", "b")
CLOSE = 1e-4  # of the largest output: what is compared computes the same
FORMATS = {"plain Python": "app", ".pt2": "app.pt2", "ONNX": "app.onnx"}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        side: Height and width of images.
        batches: How many images.
        repeats: Pairs of runs for one image.
        device: That everything runs on.
    """

    side: int = 224
    batches: tuple[int, ...] = (1, 16)
    repeats: int = 30
    device: str = "cpu"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image."""
        return 3, self.side, self.side

    @property
    def where(self) -> str:
        """What measures add where it is not what is usual."""
        size = "" if self.side == Effort.side else f" of {self.side}x{self.side}"
        return size + ("" if self.device == "cpu" else f" on {self.device}")

    def pairs(self, batch: int) -> int:
        """Pairs of runs for so many images: fewer for larger batches, whose times vary less."""
        return max(3, self.repeats // (1 if batch == 1 else 5))

    def images(self, batch: int) -> Tensor:
        """Random images."""
        given = torch.rand(batch, *self.shape, generator=torch.Generator().manual_seed(0))
        return given.to(self.device)


QUICK = Effort(side=96, batches=(1, 2), repeats=3)


def run_models(effort: Effort, only: str = "", say: Say = lambda _: None) -> list[Figure]:
    """Measure everything with one thread; on a GPU too, where there is one.

    Args:
        effort: How much.
        only: What a model's name must have in it.
        say: Called with what is being done.
    """
    with one_thread(), torch.inference_mode():
        return [
            figure
            for device in devices()
            for figure in _each(replace(effort, device=device), only.casefold(), say)
        ]


def _each(effort: Effort, only: str, say: Say) -> Iterator[Figure]:
    for known in MODELS:
        if only in known.name.casefold():
            say(f"{known.name}, on {effort.device}: one path")
            yield from one_path(known, effort, say)
    for shared in SHARED:
        if only in shared.known.name.casefold():
            say(f"{shared.known.name}, on {effort.device}: {CATEGORIES} teachers above a common stem")
            yield from common_stem(shared, effort, say)
    shared = SHARED[0]
    if only in shared.known.name.casefold():
        say(f"{shared.known.name}, on {effort.device}: {CATEGORIES} categories x {len(TASKS)} tasks")
        yield from five_by_two(shared, effort, say)


@dataclass(frozen=True)
class Halves:
    """The architecture of a model, cut in two.

    Attributes:
        below: The category module's operations.
        above: The task module's.
        constants: What both compute with beside the model's weights.
    """

    below: ModelGraph
    above: ModelGraph
    constants: Mapping[str, Tensor]

    @classmethod
    def of(cls, model: nn.Module, cut: str, shape: tuple[int, int, int]) -> Halves:
        """Take a model in and cut it."""
        found = trace(model, shape)
        return cls(*cut_at(found.graph, cut).parts, found.constants)

    def f(self, model: nn.Module) -> GraphModule:
        """The category module with a model's weights, copied."""
        return self._filled(self.below, model)

    def g(self, model: nn.Module) -> GraphModule:
        """The task module, likewise."""
        return self._filled(self.above, model)

    def _filled(self, graph: ModelGraph, model: nn.Module) -> GraphModule:
        state = {**model.state_dict(), **self.constants}
        return with_tensors(graph, {name: state[name].clone() for name in graph.tensors})


def compiled(
    categories: Mapping[str, GraphModule],
    adapters: Mapping[str, GraphModule],
    tasks: Mapping[str, GraphModule],
    effort: Effort,
) -> CompiledNetwork:
    """Compile all paths; images are not normalised."""
    paths = tuple(
        CompiledPath(category, task, native=f"{category}:{task}" not in adapters)
        for category in categories
        for task in tasks
    )
    stage, options = build_graph(lower({})), CompileOptions(device=effort.device)
    app = join(paths, stage, categories, adapters, tasks, options, effort.shape)
    with torch.no_grad():
        sizes = {name: value.shape[1] for name, value in app.by_path(effort.images(1)).items()}
    outputs = {
        name: OutputSignature(VectorOutput(kind="vector", names=tuple(map(str, range(size)))), name)
        for name, size in sizes.items()
    }
    app.signature = Signature("models", effort.shape, None, None, outputs)
    return app


def one_path(known: Known, effort: Effort, say: Say = lambda _: None) -> Iterator[Figure]:
    """A model that was cut and joined again, against the expert's network and against itself."""
    model = known.build(effort.side)
    halves = Halves.of(model, known.cut, effort.shape)
    app = compiled({"c": halves.f(model)}, {}, {"t": halves.g(model)}, effort)
    model.to(effort.device)
    for batch in effort.batches:
        given = effort.images(batch)
        hand = fastest(one_model(model), given, effort.device)
        _expect_same([app(given)], [model(given)], [hand(given)])
        runs = [lambda hand=hand, given=given: hand(given), lambda given=given: model(given)]
        of_expert, of_plain = ratios(runs, lambda given=given: app(given), effort.pairs(batch), effort.device)
        where = f"{known.name}, one path{effort.where}, batch {batch}"
        yield at_most(f"{where}: of the time of the expert's network", of_expert, "x", OF_EXPERT)
        if known.folds:
            yield at_most(f"{where}: of the plain model's time", of_plain, "x", OF_PLAIN)
        else:
            yield Figure(f"{where}: of the plain model's time", of_plain, "x")
    yield from exports(known.name, app, effort, say)


def common_stem(shared: Shared, effort: Effort, say: Say = lambda _: None) -> Iterator[Figure]:
    """Five teachers that were fine-tuned above a frozen stem, into one task module."""
    base = shared.known.build(effort.side)
    models = [base, *(fine_tuned(base, shared.tuned, seed) for seed in range(1, CATEGORIES))]
    halves = Halves.of(base, shared.known.cut, effort.shape)
    categories = {f"c{number}": halves.f(model) for number, model in enumerate(models)}
    app = compiled(categories, {}, {"t": halves.g(base)}, effort)
    below, _, above = shared.parts(base)
    tails = [shared.parts(model)[1] for model in models]

    def write(order: torch.memory_format) -> Run:
        """The stem once, each teacher's own part, the task module on one batch."""
        stem, head, *own = (_written(each, order, effort) for each in (below, above, *tails))

        def run(images: Tensor) -> object:
            features = stem(images.contiguous(memory_format=order))
            return head(torch.cat([tail(features) for tail in own])).chunk(len(own))

        return run

    given = effort.images(1)
    hand = fastest(write, given, effort.device)
    _expect_same(list(app(given).values()), hand(given))
    found = ratio(lambda: hand(given), lambda: app(given), effort.pairs(1), effort.device)
    name = f"{shared.known.name}, {CATEGORIES} teachers above a common stem"
    yield at_most(f"{name}{effort.where}, batch 1: of the time of sharing by hand", found, "x", OF_SHARED)
    yield from exports(name, app, effort, say)


def five_by_two(shared: Shared, effort: Effort, say: Say = lambda _: None) -> Iterator[Figure]:
    """Five category modules of their own and two task modules, with adapters between but for the first's."""
    base = shared.known.build(effort.side)
    every = [name for name, _ in base.named_children()]
    models = [base, *(fine_tuned(base, every, seed) for seed in range(1, CATEGORIES))]
    halves = Halves.of(base, shared.known.cut, effort.shape)
    shape = output_shape(halves.below, effort.shape)
    torch.manual_seed(0)
    adapters = {
        f"c{number}:{task}": build_layers(adapter_layers(Adapter(), shape, shape))
        .eval()
        .requires_grad_(False)
        for number in range(1, CATEGORIES)
        for task in TASKS
    }
    app = compiled(
        {f"c{number}": halves.f(model) for number, model in enumerate(models)},
        {name: lowered(each) for name, each in adapters.items()},
        {task: halves.g(model) for task, model in zip(TASKS, models, strict=False)},
        effort,
    )
    below = [nn.Sequential(*shared.parts(model)[:2]).eval() for model in models]
    above = {task: shared.parts(model)[2] for task, model in zip(TASKS, models, strict=False)}

    def written(order: torch.memory_format) -> _ByHand:
        return _ByHand(
            [_written(each, order, effort) for each in below],
            {name: _written(each, order, effort) for name, each in adapters.items()},
            {name: _written(each, order, effort) for name, each in above.items()},
            order,
        )

    given = effort.images(1)
    one_by_one = fastest(lambda order: written(order).one_by_one, given, effort.device)
    sharing = fastest(lambda order: written(order).sharing, given, effort.device)
    outputs = app(given)
    in_turn = [outputs[f"c{number}:{task}"] for task in TASKS for number in range(CATEGORIES)]
    _expect_same(in_turn, one_by_one(given), sharing(given))
    of_ten, of_sharing = ratios(
        [lambda: one_by_one(given), lambda: sharing(given)],
        lambda: app(given),
        effort.pairs(1),
        effort.device,
    )
    name = f"{shared.known.name}, {CATEGORIES} categories x {len(TASKS)} tasks"
    where = f"{name}{effort.where}, batch 1: times as fast as"
    yield at_least(f"{where} ten calls of the expert's networks", 1 / of_ten, "x", OF_TEN)
    yield at_least(f"{where} sharing by hand", 1 / of_sharing, "x", AS_SHARED)
    yield from exports(name, app, effort, say)


def _written(module: nn.Module, order: torch.memory_format, effort: Effort) -> nn.Module:
    return ordered(folded(module), order).to(effort.device)


@dataclass(frozen=True)
class _ByHand:
    """Five category modules and two task modules, as an expert has them; outputs are in the tasks' order."""

    categories: Sequence[nn.Module]
    adapters: Mapping[str, nn.Module]
    tasks: Mapping[str, nn.Module]
    order: torch.memory_format

    def one_by_one(self, images: Tensor) -> Sequence[Tensor]:
        """Each path by itself, from the images up."""
        images = images.contiguous(memory_format=self.order)
        return [
            module(self._adapted(number, task, below(images)))
            for task, module in self.tasks.items()
            for number, below in enumerate(self.categories)
        ]

    def sharing(self, images: Tensor) -> Sequence[Tensor]:
        """Each category module once, each task module on one batch."""
        images = images.contiguous(memory_format=self.order)
        features = [below(images) for below in self.categories]
        outputs: list[Tensor] = []
        for task, module in self.tasks.items():
            adapted = [self._adapted(number, task, value) for number, value in enumerate(features)]
            outputs += module(torch.cat(adapted)).chunk(len(adapted))
        return outputs

    def _adapted(self, number: int, task: str, features: Tensor) -> Tensor:
        adapter = self.adapters.get(f"c{number}:{task}")
        return features if adapter is None else adapter(features)


def exports(name: str, app: CompiledNetwork, effort: Effort, say: Say) -> Iterator[Figure]:
    """What each format's outputs differ by, on batches of several sizes; 1 where the export is refused."""
    if effort.device != "cpu":
        return
    sizes = ", ".join(map(str, BATCHES))
    for kind, file in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode(False):
            try:
                difference = export(app, FilePath(folder) / file).difference
            except ExportError as error:
                say(f"{name}: {error}")
                difference = 1.0
        yield at_most(f"{name}, {kind}: largest difference, batches of {sizes}", difference, "", APART)


def _expect_same(found: Sequence[Tensor], *others: object) -> None:
    """Refuse to compare what does not compute the same.

    Raises:
        AssertionError: It does not.
    """
    for other in others:
        for mine, theirs in zip(found, other, strict=True):  # type: ignore[call-overload]
            scale = float(theirs.abs().max())
            torch.testing.assert_close(mine / scale, theirs / scale, rtol=0, atol=CLOSE)
