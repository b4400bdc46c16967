"""Models that nobody here wrote: taken in, cut, put together again, pulled back, compiled, exported.

Those of `benchmarks.architectures`, with random weights and small images. Each has a process of its own, and
limits of time and memory. `python -m benchmarks models` runs it.
"""

from __future__ import annotations

import copy
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from math import isnan
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.architectures import build, family_of, list_models
from benchmarks.bounded import StoppedError, bounded
from benchmarks.pushforward import push_forward
from legonet.compile.assemble import join
from legonet.compile.export import export as write_export
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.options import CompileOptions
from legonet.compile.signature import OutputSignature, Signature
from legonet.distill.pullback import Pullback
from legonet.errors import LegonetError, first_line
from legonet.ir.graph import ModelGraph
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import load_module, raw_tensor
from legonet.ir.sizes import output_shape
from legonet.ir.split import Cut, cut_at
from legonet.outputs.vector import VectorOutput
from legonet.store.modules import dump_module
from legonet.store.plain_files import write_file
from legonet.teachers.cut_points import CutPoint, list_cut_points
from legonet.teachers.cutting import resolve
from legonet.teachers.tracing.evaluation import evaluating
from legonet.teachers.tracing.export import export
from legonet.teachers.tracing.outputs import Chosen, chosen_output, parts_of
from legonet.teachers.tracing.verify import expect_same

CUTS = (0.25, 0.5, 0.75)  # of the multiplications lie below
DRAWS = 2
CLOSE = 1e-6  # ⟨G, J x⟩ and ⟨Jᵀ G, x⟩ in double precision, relative to ‖Jᵀ G‖ ‖x‖
ROUNDED = 1e-4  # of the largest output: what default compilation may change
SIZES = (64, 96, 128, 160, 224, 256, 299, 384, 512)  # the first that a model takes
LARGEST = 700e6  # weights; what is larger does not fit beside its copies into 16 GB
FORMATS = {"folder": "app", "pt2": "app.pt2", "onnx": "app.onnx"}
SECONDS, MEMORY = 600, 12 * 2**30  # that one model may take
IMPORTED = (  # what takes seconds to import, once for all models' processes
    "torch._dynamo",
    "torch.onnx._internal.exporter._core",
    "onnxscript._framework_apis.torch_2_5",
    "onnxruntime",
    "timm",
    "segmentation_models_pytorch",
    "transformers.modeling_utils",
    "ultralytics.nn.tasks",
)


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
        name: such as `torchvision:resnet18`.
        group: Of `benchmarks.architectures.list_models`.
        side: height and width of its images.
        parameters: how many numbers.
        operations: in its graph.
        places: where it can be cut.
        cuts: the three that were tried.
        same: f and g_T, saved and loaded, gave the model's very bits at each, or it is said that and why
            they round otherwise.
        rounding: by how much they did, as a share of the largest output.
        pulled: the pullback was finite and agreed with its reference at each.
        seconds: that tracing took.
        compiled: by how much the network that default compilation makes of the middle cut's two parts
            differs, as a share of the largest output; None: not tried.
        exports: by format, by how much its outputs differ, or why there is none.
        words: what it is refused for is said by legonet, and no bug of its or of a library's.
        reason: why not.
    """

    name: str
    group: str
    side: int = 0
    parameters: int = 0
    operations: int = 0
    places: int = 0
    cuts: list[str] = field(default_factory=list)
    same: bool = False
    rounding: float = 0.0
    pulled: bool = False
    seconds: float = 0.0
    compiled: float | None = None
    exports: dict[str, float | str] = field(default_factory=dict)
    words: bool = True
    reason: str = ""

    @property
    def joins(self) -> bool:
        """Whether the compiled network computes the same."""
        return self.compiled is not None and self.compiled <= ROUNDED

    @property
    def exported(self) -> bool:
        """Whether there is an export in each format."""
        return bool(self.exports) and all(isinstance(each, float) for each in self.exports.values())

    @property
    def passed(self) -> bool:
        """Whether all of it went well."""
        return self.same and self.pulled and self.joins and self.exported


def measure(group: str, name: str) -> Outcome:
    """Try one model; whatever goes wrong becomes its reason."""
    try:
        parameters = _count(group, name)
        if parameters > LARGEST:
            return Outcome(
                name, group, parameters=parameters, reason=f"not run: more than {LARGEST:.0f} weights"
            )
        torch.manual_seed(0)
        model = awake(build(group, name)).eval()
        side, output = _first_size(model)
        return _tried(model, output, Outcome(name, group, side, parameters))
    except LegonetError as error:
        return Outcome(name, group, reason=first_line(error))
    except Exception as error:  # a library's own code, or a bug that the table should show
        return Outcome(name, group, words=False, reason=f"{type(error).__name__}: {first_line(error)}")
    finally:
        gc.collect()


def awake(model: nn.Module) -> nn.Module:
    """Give weights that are all zero random values, in place.

    Heads and last layers of branches begin at zero in many libraries; a model's output would be zero, or
    follow no branch, and two models with equal outputs could compute anything.
    """
    for parameter in model.parameters():
        if not parameter.is_meta and not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return model


def _count(group: str, name: str) -> int:
    """The number of weights, without making them where the library's code allows that."""
    try:
        with torch.device("meta"):
            model = build(group, name)
    except (NotImplementedError, RuntimeError):  # it computes with values when it is built, as RegNets do
        model = build(group, name)
    return sum(each.numel() for each in model.parameters())


def _first_size(model: nn.Module) -> tuple[int, str | None]:
    """The smallest images that a model takes, and its output that counts: the first, or `out`."""
    refused: Exception | None = None
    for side in SIZES:
        try:
            with torch.no_grad():
                found = copy.deepcopy(model)(torch.zeros(1, 3, side, side))  # some adapt to the first
        except Exception as error:  # whatever its own code says of the size
            refused = error
            continue
        first = None if isinstance(found, Tensor) else _first_key(found)
        return side, first
    assert refused is not None  # noqa: S101 - there are sizes
    raise refused


def _first_key(found: Any) -> str:
    """The name of `out`, or of the first tensor, in parts of parts."""
    parts = parts_of(found) or {}
    key = "out" if "out" in parts else next(key for key, part in parts.items() if part is not None)
    inside = parts[key]
    return str(key) if isinstance(inside, Tensor) else f"{key}.{_first_key(inside)}"


def _tried(model: nn.Module, output: str | None, begun: Outcome) -> Outcome:
    shape, start = (3, begun.side, begun.side), time.perf_counter()
    found = export(model, shape, output=output, where=begun.name)
    seconds = round(time.perf_counter() - start, 2)
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), evaluating(model):
        wanted = chosen_output(model(images), output)
    state = {**model.state_dict(), **found.constants}
    cuts = list_cut_points(found.graph, shape, begun.name)
    chosen = list(_spread(cuts))
    same, rounding, pulled, reason = True, 0.0, True, ""
    for cut in chosen:
        halves = _cut(found.graph, cut, shape)
        # As users' models are compared, in batches of several sizes.
        real = {name: state[name] for name in halves.graph.tensors}
        said = expect_same(model, found, halves, real, shape, Chosen(output))
        f, g = (_through_bytes(part, state) for part in halves.parts)
        with torch.no_grad():
            apart = _apart(g(f(images)), wanted)
        same &= not apart or bool(said)
        rounding = max(rounding, apart)
        apart = pullback_error(g, output_shape(f.graph, shape))
        if not apart < CLOSE:
            what = "zero or not finite" if isnan(apart) else f"{apart:.1e} from its reference"
            pulled, reason = False, f"pullback at {cut.name} is {what}"
    if not same:
        reason = f"put together again it differs by {rounding:.1e} of the largest output, which is not said"
    if not chosen:
        reason = "it has no place that a single tensor crosses, nor one of several maps"
    begun = replace(
        begun,
        operations=len(found.graph.steps),
        places=len(cuts),
        cuts=[cut.name for cut in chosen],
        same=same and bool(chosen),
        rounding=rounding,
        pulled=pulled and bool(chosen),
        seconds=seconds,
        reason=reason,
    )
    if not chosen:
        return begun
    below, above = _cut(found.graph, chosen[len(chosen) // 2], shape).parts
    return _joined(_through_bytes(below, state), _through_bytes(above, state), images, wanted, begun)


def _joined(f: GraphModule, g: GraphModule, images: Tensor, wanted: Tensor, begun: Outcome) -> Outcome:
    """What becomes of two parts that are compiled as users do, and exported."""
    try:
        app = compiled(f, g, tuple(images.shape[1:]), wanted)
        with torch.no_grad():
            apart = _apart(app(images), wanted)
    except Exception as error:
        said, words = _said(error)
        return replace(begun, words=words, reason=f"compile: {said}")
    begun = replace(begun, compiled=apart)
    if not begun.joins:
        begun = replace(
            begun, reason=begun.reason or f"compiled it differs by {apart:.1e} of the largest output"
        )
    with tempfile.TemporaryDirectory() as folder:
        for name, file in FORMATS.items():
            try:
                begun.exports[name] = write_export(app, Path(folder) / file).difference
            except Exception as error:
                begun.exports[name], words = _said(error)
                begun = replace(begun, words=words and begun.words)
    refused = next((f"{name}: {why}" for name, why in begun.exports.items() if isinstance(why, str)), "")
    return replace(begun, reason=begun.reason or refused)


def _apart(found: Tensor, wanted: Tensor) -> float:
    """By how much outputs differ, as a share of the largest."""
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))


def _said(error: Exception) -> tuple[str, bool]:
    """An error's first line, and whether legonet says it."""
    if isinstance(error, LegonetError):
        return first_line(error), True
    return f"{type(error).__name__}: {first_line(error)}", False


def compiled(f: GraphModule, g: GraphModule, shape: tuple[int, ...], output: Tensor) -> CompiledNetwork:
    """One path of two parts as default compilation makes it; images are not normalised."""
    paths = (CompiledPath("c", "t", native=True),)
    app = join(paths, build_graph(lower({})), {"c": f}, {}, {"t": g}, CompileOptions(), shape)
    names = tuple(map(str, range(output.shape[1])))
    outputs = {"c:t": OutputSignature(VectorOutput(kind="vector", names=names), "c")}
    channels, height, width = shape
    app.signature = Signature("models", (channels, height, width), None, None, outputs)
    return app


def _cut(graph: ModelGraph, cut: CutPoint, shape: tuple[int, ...]) -> Cut:
    """As users get it where several maps cross; else the two parts alone, without a way to a map."""
    return resolve(graph, cut.name, shape, "model") if cut.several else cut_at(graph, cut.name)


def _spread(cuts: list[CutPoint]) -> Iterator[CutPoint]:
    left = list(cuts)
    for wanted in CUTS[: len(cuts)]:
        cut = min(left, key=lambda cut: abs(cut.operations[0] / max(1, sum(cut.operations)) - wanted))
        left.remove(cut)
        yield cut


def _through_bytes(operations: ModelGraph, state: dict[str, Tensor]) -> GraphModule:
    tensors = {name: raw_tensor(state[name], name) for name in operations.tensors}
    return load_module(dump_module("category-module", tensors=tensors, **operations.entry()))


def pullback_error(module: GraphModule, shape: tuple[int, ...]) -> float:
    """|⟨G, J x⟩ − ⟨Jᵀ G, x⟩| / (‖Jᵀ G‖ ‖x‖), in float64; NaN where Jᵀ G is zero.

    Models that were never trained have pullbacks of 1e-20 and less, whose squares float32 does not hold.
    See `benchmarks.pushforward`.
    """
    double = build_graph(_in_double(module.graph)).double()
    double.load_state_dict(module.state_dict())
    module = double
    pull, generator = Pullback(module, shape), torch.Generator().manual_seed(2)
    gradient = torch.randn(DRAWS, *pull.output_shape, generator=generator, dtype=torch.float64)
    x = torch.randn(DRAWS, *shape, generator=generator, dtype=torch.float64)
    below = pull(gradient)
    up = (push_forward(pull, module, x) * gradient).sum()
    return float((up - (below * x).sum()).abs() / (below.norm() * x.norm()))


def _in_double(graph: ModelGraph) -> ModelGraph:
    """The graph that makes numbers of its own, such as an LSTM's first state, in float64."""
    steps = {
        name: replace(step, keywords={**step.keywords, "dtype": {"dtype": "float64"}})
        if step.keywords.get("dtype") == {"dtype": "float32"}
        else step
        for name, step in graph.steps.items()
    }
    return replace(graph, steps=steps)


def run_models(
    file: Path,
    groups: Iterable[str] = (),
    only: str = "",
    told: Callable[[Outcome], None] = lambda _: None,
    again: bool = False,
) -> list[Outcome]:
    """Try all models, of each family the smallest first; what the file has with exports is not tried again.

    Args:
        file: of JSON lines, one for each model; each is written as soon as it is known.
        groups: of models; default: all.
        only: what a model's name must have in it.
        told: of each outcome.
        again: try those too that did not pass.
    """
    known = {(each.group, each.name): each for each in read_outcomes(file)}
    outcomes = []
    weights = {pair: outcome.parameters for pair, outcome in known.items()}  # of what was never tried, 0
    pairs = [pair for pair in list_models(groups) if only in pair[1]]
    for group, name in smallest_first(sorted(pairs, key=lambda pair: weights.get(pair, 0))):
        outcome = known.get((group, name))
        if outcome is None or not finished(outcome) or (again and not outcome.passed):
            outcome = tried(group, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as lines:
                lines.write(json.dumps(asdict(outcome)) + "\n")
        told(outcome)
        outcomes.append(outcome)
    return outcomes


def smallest_first(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first model of each family, then all others, in the order given."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    pairs = list(pairs)
    for group, name in pairs:
        first.setdefault((group, family_of(group, name)), (group, name))
    return list(dict.fromkeys([*first.values(), *pairs]))


def finished(outcome: Outcome) -> bool:
    """Whether it was tried to the end, or to what is wrong with it."""
    return bool(outcome.exports or outcome.reason)


def tried(group: str, name: str) -> Outcome:
    """Try one model in a process of its own; what stops that is its reason."""
    try:
        return bounded(measure, group, name, seconds=SECONDS, memory=MEMORY, imported=IMPORTED)
    except StoppedError as error:
        return Outcome(name, group, words=False, reason=str(error))


def read_outcomes(file: Path) -> list[Outcome]:
    """What a file of outcomes holds, in the order of `list_models`; nothing if there is none."""
    if not file.exists():
        return []
    place = {pair: number for number, pair in enumerate(list_models())}
    lines = [Outcome(**json.loads(line)) for line in file.read_text().splitlines()]
    last = {(each.group, each.name): each for each in lines}
    return sorted(last.values(), key=lambda each: place.get((each.group, each.name), len(place)))


def write_outcomes(file: Path) -> list[Outcome]:
    """Leave one line of each model in a file, the last that was written; give them."""
    outcomes = read_outcomes(file)
    write_file(file, "".join(json.dumps(asdict(each)) + "\n" for each in outcomes).encode())
    return outcomes
