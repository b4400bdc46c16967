"""How fast adapters are fitted, as ratios of two runs on the same machine with the same threads."""

from __future__ import annotations

import copy
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.experiments import TARGETS, Trial
from benchmarks.rig import Rig, Split, animals_rig
from benchmarks.targets import Figure, at_least, at_most
from benchmarks.timing import best_time, best_times, matmul_rate
from legonet.blocks.adapter import build_adapter, convolutions
from legonet.blocks.adapter_layers import adapter_layers
from legonet.blocks.build import build_layers, lowered
from legonet.blocks.files import find_block
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import fit
from legonet.distill.flops.closed_form import closed_form_operations
from legonet.distill.pullback import Pullback
from legonet.distill.synthesis.sampling import draw_gradient, draw_masks
from legonet.graph.schema import Adapter
from legonet.ir.cuts import rectifiers
from legonet.ir.graph import TensorSpec
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.ir.sizes import output_shape, size_of
from legonet.ir.split import cut_at
from legonet.outputs.binary import BinaryOutput
from legonet.store.workspace import shipped_folder
from legonet.teachers.cutting import block_graph

SPEED = "speed.json"
FASTER = 100.0  # closed form than back-distillation
STEP_FASTER = 3.0  # a step on pseudo-gradients than by double backward
# Against back-distillation: draws and ridge of a lower error where no matching follows, chosen on validation
# images (docs/method.md).
DRAWS, RIDGE = 64, 0.4
WIDE_SECONDS, WIDE_GIB = 60.0, 4.0  # at the paper's width
WIDE_DRAWS = 32  # 12,544 rows each for 576 unknowns
STEP_BATCH = 8
NOISE = 0.1  # of a random task module's weights: the other one's difference, as if fine-tuned
CLOSED = {"name": "closed-form", "matching": 0}


@dataclass(frozen=True)
class TimedFit:
    """One timed closed form.

    Attributes:
        varied: `draws` or `channels`.
        draws: number of draws.
        channels: at the cut, M.
        operations: floating-point operations, counted.
        seconds: best of several.
    """

    varied: str
    draws: int
    channels: int
    operations: int
    seconds: float


@dataclass(frozen=True)
class Speed:
    """What `python -m benchmarks speed` found.

    Attributes:
        figures: with targets.
        costs: of closed forms.
        threads: at the paper's width; everything else has one.
        matmul_float32: operations per second that this machine's matrix product reaches with one thread.
        matmul_float64: likewise.
    """

    figures: list[Figure]
    costs: list[TimedFit]
    threads: int
    matmul_float32: float
    matmul_float64: float

    def data(self) -> dict[str, object]:
        """All of it as plain data."""
        return asdict(self)


def run_speed(
    split: Split = "test",
    steps: int = 1500,
    threads: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Speed:
    """Measure everything: ratios and costs with one thread, the paper's width with several.

    Args:
        split: images that both adapters' errors are measured on.
        steps: of back-distillation.
        threads: at the paper's width; default: as many as torch has.
        say: told what is being done.
    """
    before = torch.get_num_threads()
    threads = threads or before
    torch.set_num_threads(1)
    try:
        say("cost in draws and channels")
        costs = [*costs_in_draws(), *costs_in_channels()]
        rates = [matmul_rate(dtype) for dtype in (torch.float32, torch.float64)]
        say("a step on pseudo-gradients against double backward")
        rig = animals_rig(split)
        step = against_double_backward(rig.edge(Trial("2", "", "", TARGETS[0])))
        say("closed form at the paper's width: VGG-16 above its first pooling, 64 channels of 112x112")
        wide = at_paper_width(threads)
        say(f"closed form against {steps} steps of back-distillation, four categories")
        figures = [*against_back_distillation(rig, steps), step, *wide]
    finally:
        torch.set_num_threads(before)
    return Speed(figures, costs, threads, *rates)


def against_back_distillation(rig: Rig, steps: int) -> Iterator[Figure]:
    """Whole fits of one 3x3 adapter, with no image, by both methods."""
    closed = {**CLOSED, "draws": DRAWS, "ridge": RIDGE}
    quick, slow = _fits(rig, closed, 5), _fits(rig, {"name": "back-distillation", "steps": steps}, 3)
    yield Figure(f"closed form, {DRAWS} draws, ridge {RIDGE}, seconds per adapter", quick.seconds, "s")
    yield Figure(f"back-distillation, {steps} steps, seconds per adapter", slow.seconds, "s")
    ratio = slow.seconds / quick.seconds
    yield at_least("closed form: times as fast as back-distillation", ratio, "x", FASTER)
    yield at_most("closed form: error, beside that of back-distillation", quick.error, "%", slow.error)


@dataclass(frozen=True)
class _Fits:
    """Means over the categories, the error also over the seeds."""

    seconds: float
    error: float


def _fits(rig: Rig, method: Mapping[str, object], seeds: int) -> _Fits:
    """Fit an adapter for each category from several seeds, of which the fastest counts.

    Seconds are of the processor, which other work on the machine leaves alone; there is one thread.
    """
    seconds, errors = [], []
    for category in TARGETS:
        trial = Trial("2", "one 3x3", str(method["name"]), category)
        edge, times = rig.edge(trial), []
        for seed in range(seeds):
            spec = Adapter.model_validate({"method": method, "seed": seed})
            begin = time.process_time()
            adapter = fit(edge, spec).adapter
            times.append(time.process_time() - begin)
            errors.append(rig.measure(trial, nn.Sequential(adapter, edge.task_module))["error"])
        seconds.append(min(times))
    return _Fits(statistics.fmean(seconds), statistics.fmean(errors))


def against_double_backward(edge: Edge, batch: int = STEP_BATCH, repeats: int = 200) -> Figure:
    """One gradient of ‖D'_S − D'_T‖² in the adapter's weights, G and masks given, in two ways.

    Ours pulls G back by rules. The other is what autograd offers: the same modules with masks for ReLUs and
    average pooling, forward, backward with a graph, and backward again.

    Raises:
        AssertionError: the two losses differ.
    """
    adapter = build_adapter(Adapter(), edge.source, edge.target)
    modules = [edge.task_module, edge.teacher_module, adapter]
    student, teacher = (
        copy.deepcopy(each).requires_grad_(False) for each in (edge.task_module, edge.teacher_module)
    )
    pulls = Pullback(student, edge.target), Pullback(teacher, edge.source), Pullback(adapter, edge.source)
    generator = torch.Generator().manual_seed(0)
    gradient = draw_gradient(batch, pulls[0].output_shape, "uniform", generator)
    masks = draw_masks(batch, pulls[0].relu_shapes, 0.5, generator)

    given = masks, masks, [torch.ones(())] * len(pulls[2].relu_shapes)
    linear = [_linearised(module, each) for module, each in zip(modules, given, strict=True)]
    weights = [each.weight for each in convolutions(adapter.requires_grad_())]

    def loss(found: Tensor, wanted: Tensor) -> Tensor:
        return F.mse_loss(found, wanted, reduction="sum") / batch

    def by_rules() -> tuple[Tensor, ...]:
        with torch.no_grad():
            above, wanted = pulls[0](gradient, masks), pulls[1](gradient, masks)
        value = loss(pulls[2](above), wanted)
        return value, *torch.autograd.grad(value, weights)

    def by_autograd() -> tuple[Tensor, ...]:
        x = torch.zeros(batch, *edge.source, requires_grad=True)
        (found,) = torch.autograd.grad(linear[0](linear[2](x)), x, gradient, create_graph=True)
        (wanted,) = torch.autograd.grad(linear[1](x), x, gradient)
        value = loss(found, wanted)
        return value, *torch.autograd.grad(value, weights)

    for found, expected in zip(by_rules(), by_autograd(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    theirs, ours = best_times([by_autograd, by_rules], repeats)
    ratio = theirs / ours
    return at_least("step on pseudo-gradients: times as fast as by double backward", ratio, "x", STEP_FASTER)


def _linearised(module: GraphModule, masks: Sequence[Tensor]) -> GraphModule:
    """The module whose gradient is the pseudo-gradient; it shares the weights.

    ReLUs become products with masks (the dummy ReLU of the 2nd kind), max pooling becomes average pooling.
    """
    graph = module.graph.without_notation()
    tensors: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    steps, specs, remaining = dict(graph.steps), dict(graph.tensors), iter(masks)
    for name in rectifiers(graph):
        mask, tensors[f"{name}.mask"] = {"tensor": f"{name}.mask"}, next(remaining)
        specs[f"{name}.mask"] = TensorSpec(tuple(tensors[f"{name}.mask"].shape), buffer=True)
        steps[name] = replace(steps[name], function="mul.Tensor", arguments=(steps[name].arguments[0], mask))
    for name, step in graph.steps.items():
        if step.function == "max_pool2d":
            steps[name] = replace(step, function="avg_pool2d", arguments=step.arguments[:3])
    return with_tensors(replace(graph, steps=steps, tensors=specs), tensors)


def at_paper_width(
    threads: int, block: str = "vgg16", cut: str = "features.4", draws: int = WIDE_DRAWS
) -> list[Figure]:
    """The closed form where the paper cuts VGG-16, in a process of its own so that its peak is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        seconds, peak = pool.submit(fit_wide, block, cut, draws, threads).result()
    where = f"closed form at the paper's width, {draws} draws"
    return [
        at_most(f"{where}: seconds", seconds, "s", WIDE_SECONDS),
        at_most(f"{where}: peak memory of the process", peak, "GiB", WIDE_GIB),
    ]


def fit_wide(block: str, cut: str, draws: int, threads: int) -> tuple[float, float]:
    """Fit one 3x3 adapter between modules of a block's architecture and of random weights.

    Returns:
        Seconds, and the peak memory of this process in GiB.
    """
    torch.set_num_threads(threads)
    edge = random_edge(block, cut)
    spec = Adapter.model_validate({"method": {**CLOSED, "draws": draws}})
    begin = time.perf_counter()
    fit(edge, spec)
    seconds = time.perf_counter() - begin
    unit = 2**30 if sys.platform == "darwin" else 2**20  # macOS counts bytes, others KiB
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def random_edge(block: str, cut: str) -> Edge:
    """Modules of random weights; g_T is g_S with a tenth of noise, as if both came from one base."""
    found = find_block(block, [shipped_folder("blocks")])
    below, above = cut_at(block_graph(found), cut).parts
    shape = output_shape(below, found.input)
    f, student = (build_layers(each.notation or {}) for each in (below, above))
    return _edge(f, student, shape)


def _edge(f: nn.Sequential, student: nn.Sequential, shape: tuple[int, ...]) -> Edge:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in student.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        teacher = copy.deepcopy(student)
        for parameter in teacher.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise, alpha=NOISE * float(parameter.std(correction=0)))
    below, generic, own = (lowered(each) for each in (f, student, teacher))
    return Edge("random:classify", below, generic, own, shape, shape, BinaryOutput(kind="binary"))


def costs_in_draws(
    channels: int = 32, draws: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
) -> list[TimedFit]:
    """Time closed forms of more and more draws."""
    edge = _chain(channels)
    return [_cost("draws", edge, channels, count) for count in draws]


def costs_in_channels(channels: tuple[int, ...] = (8, 16, 32, 64, 128), draws: int = 64) -> list[TimedFit]:
    """Time closed forms of more and more channels at the cut."""
    return [_cost("channels", _chain(count), count, draws) for count in channels]


def _chain(channels: int, side: int = 16) -> Edge:
    """Two convolutions of twice the channels, a pooling and a score, on maps of side x side."""
    wide = 2 * channels
    student = nn.Sequential(
        nn.Conv2d(channels, wide, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(wide, wide, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(wide * (side // 2) ** 2, 1),
    )
    return _edge(nn.Sequential(nn.Identity()), student, (channels, side, side))


def _cost(varied: str, edge: Edge, channels: int, draws: int, repeats: int = 3) -> TimedFit:
    spec = Adapter.model_validate({"method": {**CLOSED, "draws": draws}})
    seconds = best_time(lambda: fit(edge, spec), repeats)
    adapter, modules = adapter_layers(spec, edge.source, edge.target), (edge.task_module, edge.teacher_module)
    sizes = [size_of(module.graph, edge.source) for module in modules]
    once = sum(size.operations for size in sizes)
    windows = {size.window for size in sizes}
    operations = closed_form_operations(adapter, edge.source, once, draws, windows)
    return TimedFit(varied, draws, channels, operations, seconds)
