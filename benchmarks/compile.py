"""How fast compiled networks run, as ratios to what one would write by hand; memory, compile time, exports.

Ratios are medians over pairs of runs, one after the other in one process, of processor seconds with one
thread: what else the machine does hits both alike, or neither. The networks have the animals' architectures
and random weights.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path as FilePath

import torch
from torch import Tensor, nn

import legonet
from benchmarks.memory import STATUS, forget_peak, peak
from benchmarks.opening import opening
from benchmarks.streaming import streaming
from benchmarks.targets import Figure, at_least, at_most
from benchmarks.timing import devices, one_thread, ratio
from legonet.blocks.adapter_layers import adapter_layers
from legonet.blocks.build import build_layers, lowered
from legonet.blocks.files import find_block
from legonet.compile.assemble import join
from legonet.compile.export import BATCHES, export
from legonet.compile.grouping_cache import GroupingCache
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.compile.signature import OutputSignature, Signature
from legonet.graph.schema import Adapter
from legonet.ir.lowering import lower
from legonet.ir.notation import Layers
from legonet.ir.sizes import output_shape
from legonet.outputs.vector import VectorOutput
from legonet.store.workspace import shipped_folder

COMPILE = "compile.json"
SHAPE = (3, 32, 32)
TASKS = {"classify": "vgg-slim", "segment": "vgg-slim-fcn"}
CUT = "pool2"
WITH_FOLDING, WITHOUT, SHARED, BY_HAND, MANY = 1.00, 1.02, 1.8, 1.0, 2.0
MEMORY, MILLISECONDS, APART = 1.10, 100.0, 1e-5
SCORE = VectorOutput(kind="vector", names=("score",))
WIDE = 4096  # of the linear layers whose memory is measured: 64 MiB each


class PlainNormalise(nn.Module):
    """(image - mean) / std, as one would write it."""

    def __init__(self, normalise: Normalise) -> None:
        super().__init__()
        self.mean, self.std = normalise.mean, normalise.std

    def forward(self, images: Tensor) -> Tensor:
        """Normalise images (batch, channels, height, width)."""
        return (images - self.mean) / self.std


@dataclass(frozen=True)
class Zoo:
    """Modules of random weights, as a user has them before they are compiled."""

    input: Normalise
    categories: dict[str, nn.Sequential]
    adapters: dict[str, nn.Sequential]
    tasks: dict[str, nn.Sequential]

    @property
    def paths(self) -> tuple[CompiledPath, ...]:
        """Every category and task; the first category's are native."""
        first = next(iter(self.categories))
        return tuple(
            CompiledPath(category, task, native=category == first)
            for category in self.categories
            for task in self.tasks
        )

    def to(self, device: str) -> Zoo:
        """Move all modules."""
        for module in (self.input, *self.categories.values(), *self.adapters.values(), *self.tasks.values()):
            module.to(device)
        return self

    def compiled(self, *paths: CompiledPath, options: CompileOptions) -> CompiledNetwork:
        """Compile some paths, with a signature; default: all."""
        chosen = paths or self.paths
        used = {path.category for path in chosen}, {path.task for path in chosen}
        app = join(
            chosen,
            self.input,
            {name: lowered(each) for name, each in self.categories.items() if name in used[0]},
            {path.name: lowered(self.adapters[path.name]) for path in chosen if not path.native},
            {name: lowered(each) for name, each in self.tasks.items() if name in used[1]},
            options,
            SHAPE,
        )
        outputs = {each.name: OutputSignature(SCORE, each.category) for each in chosen}
        app.signature = Signature("zoo", SHAPE, None, None, outputs)
        return app

    def by_hand(self, path: CompiledPath) -> nn.Sequential:
        """What one would write for one path."""
        adapter = [] if path.native else [self.adapters[path.name]]
        modules = [
            PlainNormalise(self.input),
            self.categories[path.category],
            *adapter,
            self.tasks[path.task],
        ]
        return nn.Sequential(*modules).eval()


def make_zoo(categories: int, tasks: tuple[str, ...] = tuple(TASKS), adapter: Adapter | None = None) -> Zoo:
    """Make modules of the animals' architectures."""
    spec = adapter or Adapter()
    torch.manual_seed(0)
    cut = {task: _halves(find_block(TASKS[task], [shipped_folder("blocks")]).layers or {}) for task in tasks}
    below = cut[tasks[0]][0]
    shape = output_shape(lower(below), SHAPE)
    names = [f"c{number}" for number in range(categories)]
    modules = {name: build_layers(below) for name in names}
    layers = adapter_layers(spec, shape, shape)
    adapters = {f"{name}:{task}": build_layers(layers) for name in names[1:] for task in tasks}
    upper = {task: build_layers(above) for task, (_, above) in cut.items()}
    for module in (*modules.values(), *adapters.values(), *upper.values()):
        module.eval().requires_grad_(False)
    return Zoo(Normalise((0.5,) * 3, (0.25,) * 3), dict(modules), dict(adapters), upper)


def _halves(layers: Layers) -> tuple[Layers, Layers]:
    names = list(layers)
    place = names.index(CUT) + 1
    return {name: layers[name] for name in names[:place]}, {name: layers[name] for name in names[place:]}


def run_compile(repeats: int = 30, say: Callable[[str], None] = lambda _: None) -> list[Figure]:
    """Measure everything with one thread; the ratios on a GPU too, where there is one.

    Args:
        repeats: pairs of runs; more for one path, whose ratio is to be known to a hundredth, and a third for
            long runs.
        say: told what is being done.
    """
    figures: list[Figure] = []
    with one_thread():
        with torch.inference_mode():
            for device in devices():
                say(f"on {device}: one path against nn.Sequential")
                figures += one_path(repeats, device)
                say("5 categories x 2 tasks against ten paths, and against sharing by hand")
                figures += five_by_two(repeats, device)
                say("50 category modules into one task against a loop")
                figures += fifty(max(3, repeats // 3), device)
        say("compile time, memory, exports")
        figures += [*compile_time(), *peak_memory(), *exports()]
        say("a network of 1,000 modules")
        figures += opening()
        say("predicting thousands of images")
        figures += streaming(shipped_folder("graphs") / "animals.yaml", "dog:classify")
    return figures


def images(batch: int) -> Tensor:
    """Random images."""
    return torch.rand(batch, *SHAPE, generator=torch.Generator().manual_seed(0))


def one_path(repeats: int, device: str = "cpu") -> Iterator[Figure]:
    """One transplanted path, of either memory format, with folding and without any pass."""
    plain = CompileOptions("none", memory_format="contiguous", device=device)
    for batch, count in ((1, 10 * repeats), (64, 2 * repeats)):
        for name, options, target in (
            ("with folding", CompileOptions("all", device=device), WITH_FOLDING),
            ("without", plain, WITHOUT),
        ):
            found = _one_path(images(batch).to(device), options, count, device)
            what = f"one path{_on(device)}, {name}, batch {batch}: of nn.Sequential's time"
            yield at_most(what, found, "x", target)


def _on(device: str) -> str:
    return "" if device == "cpu" else f" on {device}"


def _one_path(given: Tensor, options: CompileOptions, repeats: int, device: str) -> float:
    path = CompiledPath("c1", "classify", native=False)
    zoo = make_zoo(2).to(device)
    # Without passes both run the very same layers; with some, layers of their own in another memory format.
    app = (zoo if options.passes == "none" else make_zoo(2)).compiled(path, options=options)
    hand = zoo.by_hand(path)
    return ratio(lambda: hand(given), lambda: app(given), repeats, device)


def five_by_two(repeats: int, device: str = "cpu") -> Iterator[Figure]:
    """All ten paths of the animals' architectures, batch 1."""
    zoo, given = make_zoo(5).to(device), images(1).to(device)
    hands = [zoo.by_hand(path) for path in zoo.paths]
    app = make_zoo(5).compiled(options=CompileOptions(device=device))

    def one_by_one() -> list[Tensor]:
        return [hand(given) for hand in hands]

    def shared() -> list[Tensor]:
        """The best that one would write: each category once, each task on one batch."""
        normalised = zoo.input(given)
        features = {name: module(normalised) for name, module in zoo.categories.items()}
        outputs = []
        for task, module in zoo.tasks.items():
            adapted = [
                zoo.adapters[f"{name}:{task}"](value) if f"{name}:{task}" in zoo.adapters else value
                for name, value in features.items()
            ]
            outputs.append(module(torch.cat(adapted)))
        return outputs

    where = f"5 categories x 2 tasks{_on(device)}, batch 1: times as fast as"
    faster = 1 / ratio(one_by_one, lambda: app(given), repeats, device)
    yield at_least(f"{where} ten paths one by one", faster, "x", SHARED)
    faster = 1 / ratio(shared, lambda: app(given), repeats, device)
    yield at_least(f"{where} sharing written by hand", faster, "x", BY_HAND)


def fifty(repeats: int, device: str = "cpu", count: int = 50) -> Iterator[Figure]:
    """Many category modules of one architecture into one task, batch 1."""
    zoo, given = make_zoo(count, ("classify",)).to(device), images(1).to(device)
    hands = [zoo.by_hand(path) for path in zoo.paths]
    app = make_zoo(count, ("classify",)).compiled(options=CompileOptions(device=device))
    faster = 1 / ratio(lambda: [hand(given) for hand in hands], lambda: app(given), repeats, device)
    what = f"{count} category modules into one task{_on(device)}, batch 1: times as fast as a loop"
    yield at_least(what, faster, "x", MANY)


def compile_time(repeats: int = 5) -> Iterator[Figure]:
    """Ten paths from modules that are read already: groups measured, and known from before."""
    known = GroupingCache()
    for name, found in (("", None), (", groups measured before", known)):
        seconds = []
        for _ in range(repeats):
            zoo, options = (
                make_zoo(5),
                CompileOptions(grouping_cache=GroupingCache() if found is None else found),
            )
            begin = time.process_time()
            zoo.compiled(options=options)
            seconds.append(time.process_time() - begin)
        value = 1000 * statistics.median(seconds)
        yield at_most(f"compiling 10 paths, beyond reading the weights{name}", value, "ms", MILLISECONDS)


def peak_memory() -> Iterator[Figure]:
    """Of a process that compiles one of two paths and runs it, beside what it held before; on Linux."""
    if not STATUS.exists():
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
    ):
        file = pool.submit(_save_wide, folder).result()
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            grown, weights = fresh.submit(_grown, file).result()
    yield at_most("peak memory of a compiled path, of its weights' size", grown / weights, "x", MEMORY)


def _save_wide(folder: str) -> str:
    """A workspace with two paths of 128 MiB each; the store is filled."""
    network = legonet.Network("wide", (1, 8, 8))
    for category in ("a", "b"):
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            flat=nn.Flatten(),
            fc1=nn.Linear(64, WIDE),
            fc2=nn.Linear(WIDE, WIDE),
            relu=nn.ReLU(),
            fc3=nn.Linear(WIDE, WIDE),
            fc4=nn.Linear(WIDE, 1),
        )
        network.add_teacher(category, nn.Sequential(layers), category=category, task=category, cut="relu")
    file = str(network.save(FilePath(folder) / "graphs" / "wide.yaml"))
    network = legonet.load(file)
    network.transplant()  # there is nothing to fit; the lock file is written
    network.compile("a:a", "b:b")
    return file


def _grown(file: str) -> tuple[int, int]:
    """Bytes that the peak of this process grows by, and bytes of the compiled weights."""
    torch.set_num_threads(1)
    network = legonet.load(file)
    nn.Sequential(nn.Flatten(), nn.Linear(64, 64)).eval()(torch.rand(1, 1, 8, 8))
    network.plan()  # what every command does first
    forget_peak()
    before = peak()
    app = network.compile("a:a")
    with torch.inference_mode():
        app(torch.rand(1, 1, 8, 8))
    return peak() - before, sum(each.nbytes for each in app.state_dict().values())


def exports() -> Iterator[Figure]:
    """What each format's outputs differ by, on batches of several sizes."""
    app = make_zoo(3).compiled(options=CompileOptions())
    with tempfile.TemporaryDirectory() as folder:
        for name in ("app.pt2", "app.onnx", "app"):
            made = export(app, FilePath(folder) / name)
            kind = made.path.suffix or "plain Python"
            sizes = ", ".join(map(str, BATCHES))
            yield at_most(f"{kind}: largest difference, batches of {sizes}", made.difference, "", APART)


def write_json(figures: list[Figure], before: str | None = None) -> str:
    """The results file's text.

    Args:
        figures: What was measured.
        before: The text of an earlier file, whose other figures stay.
    """
    known = {} if before is None else {each["measure"]: each for each in json.loads(before)["figures"]}
    known |= {figure.measure: figure.data() for figure in figures}
    data = {"torch": torch.__version__, "threads": 1, "figures": list(known.values())}
    return json.dumps(data, indent=2) + "\n"
