"""Models that nobody here wrote: traced, cut at three places, put together again, pulled back.

Every architecture that torchvision has for classification and segmentation, the backbones of its detectors,
and families of timm, with random weights and small images. `python -m benchmarks models` runs it.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from benchmarks.pushforward import push_forward
from legonet.distill.pullback import Pullback
from legonet.errors import LegonetError, first_line
from legonet.ir.graph import ModelGraph
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import load_module, raw_tensor
from legonet.ir.split import cut_at
from legonet.store.modules import dump_module
from legonet.teachers.cut_points import CutPoint, list_cut_points
from legonet.teachers.tracing.evaluation import evaluating
from legonet.teachers.tracing.export import export
from legonet.teachers.tracing.outputs import chosen_output

CUTS = (0.25, 0.5, 0.75)  # of the multiplications lie below
DRAWS = 2
CLOSE = 1e-3  # ⟨G, J x⟩ and ⟨Jᵀ G, x⟩ in single precision, relative to ‖Jᵀ G‖ ‖x‖
SIZES = (64, 96, 128, 224, 256, 299, 384)  # the first that a model takes
LARGEST = 700e6  # weights; what is larger does not fit beside its copies into 16 GB

# One small member of each family.
TIMM = tuple(
    """
    bat_resnext26ts beit_base_patch16_224 botnet26t_256 cait_xxs24_224 coat_tiny coatnet_nano_rw_224
    convit_tiny convmixer_768_32 convnext_atto convnextv2_atto crossvit_tiny_240 cs3darknet_s cspresnet50
    davit_tiny deit_tiny_patch16_224 densenet121 dla34 dm_nfnet_f0 dpn48b eca_resnet33ts edgenext_xx_small
    efficientformer_l1 efficientnet_b0 efficientvit_b0 fastvit_t8 fbnetc_100 focalnet_tiny_srf gcresnet33ts
    gernet_s ghostnet_100 gmixer_24_224 gmlp_ti16_224 halonet26t hardcorenas_a hgnetv2_b0 hrnet_w18_small
    inception_next_tiny inception_v4 lambda_resnet26t lcnet_050 legacy_seresnet18 levit_128s
    maxvit_pico_rw_256 mixer_s32_224 mixnet_s mnasnet_small mobilenetv2_050 mobilenetv3_small_050
    mobilenetv4_conv_small mobileone_s0 mobilevit_xxs nf_regnet_b0 pit_ti_224 poolformer_s12 pvt_v2_b0
    regnetx_002 regnety_002 repghostnet_050 repvgg_a0 repvit_m1 res2net50_26w_4s resmlp_12_224 resnest14d
    resnet10t resnetv2_50 rexnet_100 selecsls42 semnasnet_075 seresnet18 sequencer2d_s skresnet18
    spnasnet_100 swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 tf_efficientnet_lite0
    tf_efficientnetv2_b0 tinynet_e tnt_s_patch16_224 tresnet_m twins_svt_small vgg11 visformer_tiny
    vit_tiny_patch16_224 vovnet39a wide_resnet50_2 xception41 xcit_nano_12_p16_224
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
        name: such as `torchvision:resnet18`.
        group: classification, segmentation, detection or timm.
        side: height and width of its images.
        parameters: how many numbers.
        operations: in its graph.
        places: where it can be cut.
        cuts: the three that were tried.
        same: f and g_T, saved and loaded, gave the model's very bits at each.
        pulled: the pullback was finite and agreed with its reference at each.
        seconds: that tracing took.
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
    pulled: bool = False
    seconds: float = 0.0
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether all of it went well."""
        return self.same and self.pulled


def list_models(groups: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Group and name of each model; of all groups, or of these."""
    vision, detection = torchvision.models, torchvision.models.detection
    named = {
        "classification": [f"torchvision:{name}" for name in vision.list_models(module=vision)],
        "segmentation": [f"torchvision:{name}" for name in vision.list_models(module=vision.segmentation)],
        "detection": [f"torchvision:{name}" for name in vision.list_models(module=detection)],
        "timm": [f"timm:{name}" for name in TIMM],
    }
    return [
        (group, name) for group, names in named.items() for name in names if not groups or group in groups
    ]


def measure(group: str, name: str) -> Outcome:
    """Try one model; whatever goes wrong becomes its reason."""
    try:
        parameters = _count(group, name)
        if parameters > LARGEST:
            return Outcome(
                name, group, parameters=parameters, reason=f"not run: more than {LARGEST:.0f} weights"
            )
        torch.manual_seed(0)
        model = awake(_build(group, name)).eval()
        side, output = _first_size(model)
        return _tried(model, output, Outcome(name, group, side, parameters))
    except LegonetError as error:
        return Outcome(name, group, reason=first_line(error))
    except Exception as error:  # a library's own code, or a bug that the table should show
        return Outcome(name, group, reason=f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}")
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
            model = _build(group, name)
    except NotImplementedError:  # it computes with values when it is built, as RegNets do
        model = _build(group, name)
    return sum(each.numel() for each in model.parameters())


def _build(group: str, name: str) -> nn.Module:
    library, _, model = name.partition(":")
    if library == "timm":
        import timm

        return timm.create_model(model, pretrained=False)
    none: dict[str, Any] = {} if group == "classification" else {"weights_backbone": None}
    built = torchvision.models.get_model(model, weights=None, **none)
    return built if group != "detection" else built.get_submodule("backbone")


def _first_size(model: nn.Module) -> tuple[int, str | None]:
    """The smallest images that a model takes, and its output that counts: the first, or `out`."""
    refused: Exception | None = None
    for side in SIZES:
        try:
            with torch.no_grad():
                found = model(torch.zeros(1, 3, side, side))
        except Exception as error:  # whatever its own code says of the size
            refused = error
            continue
        first = None if isinstance(found, Tensor) else _first_key(found)
        return side, first
    assert refused is not None  # noqa: S101 - there are sizes
    raise refused


def _first_key(found: Any) -> str:
    keys = [str(key) for key in (found if isinstance(found, dict) else range(len(found)))]
    return "out" if "out" in keys else keys[0]


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
    same, pulled, reason = True, True, ""
    for cut in chosen:
        f, g = (_through_bytes(part, state) for part in cut_at(found.graph, cut.name).parts)
        with torch.no_grad():
            same &= torch.equal(g(f(images)), wanted)
        apart = pullback_error(g, cut.shape)
        if not apart < CLOSE:
            pulled, reason = False, f"pullback at {cut.name} is {apart:.1e} from its reference"
    if not same:
        reason = "put together again it gives other bits"
    if not chosen:
        reason = "it has no place that a single tensor crosses"
    return replace(
        begun,
        operations=len(found.graph.steps),
        places=len(cuts),
        cuts=[cut.name for cut in chosen],
        same=same and bool(chosen),
        pulled=pulled and bool(chosen),
        seconds=seconds,
        reason=reason,
    )


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
    """|⟨G, J x⟩ − ⟨Jᵀ G, x⟩| / (‖Jᵀ G‖ ‖x‖); see `benchmarks.pushforward`."""
    pull, generator = Pullback(module, shape), torch.Generator().manual_seed(2)
    gradient = torch.randn(DRAWS, *pull.output_shape, generator=generator)
    x = torch.randn(DRAWS, *shape, generator=generator)
    below = pull(gradient)
    up = (push_forward(pull, module, x) * gradient).sum()
    scale = (below.norm() * x.norm()).clamp_min(1e-30)
    return float((up - (below * x).sum()).abs() / scale)


def run_models(
    file: Path, groups: Iterable[str] = (), only: str = "", told: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Try all models; those in the file already are not tried again.

    Args:
        file: of JSON lines, one for each model; each is written as soon as it is known.
        groups: of models; default: all.
        only: what a model's name must have in it.
        told: of each outcome.
    """
    known = {each.name + each.group: each for each in read_outcomes(file)}
    outcomes = []
    for group, name in list_models(groups):
        if only not in name:
            continue
        outcome = known.get(name + group)
        if outcome is None:
            outcome = measure(group, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a") as lines:
                lines.write(json.dumps(asdict(outcome)) + "\n")
        told(outcome)
        outcomes.append(outcome)
    return outcomes


def read_outcomes(file: Path) -> list[Outcome]:
    """What a file of outcomes holds, in the order of `list_models`; nothing if there is none."""
    if not file.exists():
        return []
    place = {pair: number for number, pair in enumerate(list_models())}
    found = [Outcome(**json.loads(line)) for line in file.read_text().splitlines()]
    return sorted(found, key=lambda each: place.get((each.group, each.name), len(place)))


def write_table(outcomes: Iterable[Outcome]) -> str:
    """The outcomes as Markdown: how many of each group went well, then a row for each model."""
    outcomes = list(outcomes)
    lines = [
        "# Models that nobody here wrote",
        "",
        "Made by `python -m benchmarks models --results docs/results`. Seconds are of one thread of a busy "
        "machine.",
        "",
        "| group | models | passed | share |",
        "| --- | --: | --: | --: |",
    ]
    for group in dict.fromkeys(each.group for each in outcomes):
        inside = [each for each in outcomes if each.group == group]
        passed = sum(each.passed for each in inside)
        lines.append(f"| {group} | {len(inside)} | {passed} | {passed / len(inside):.0%} |")
    lines += [
        "",
        "Traced with random weights, cut where about a quarter, a half and three quarters of the "
        "multiplications lie below, saved, loaded and put together again: *same* says that the output has "
        "the same bits; *pulled*, that the pullback is finite and passes the dot-product test against its "
        "surrogate network.",
        "",
        "| model | group | side | weights | operations | places | same | pulled | tracing | reason |",
        "| --- | --- | --: | --: | --: | --: | --- | --- | --: | --- |",
    ]
    for each in outcomes:
        same, pulled = ("yes" if value else "no" for value in (each.same, each.pulled))
        lines.append(
            f"| {each.name} | {each.group} | {each.side or ''} | {each.parameters / 1e6:.1f} M | "
            f"{each.operations} | {each.places} | {same} | {pulled} | {each.seconds:.1f} s | "
            f"{each.reason.replace('|', ' ')} |"
        )
    return "\n".join(lines) + "\n"
