"""Fit one adapter: everything a job does, whatever the method."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from legonet.blocks.adapter import build_adapter_of, set_beta
from legonet.distill.fitting.checkpoint import Checkpoint
from legonet.distill.fitting.context import Context, Edge, StepCallback, features_of, frozen
from legonet.distill.fitting.count import Given, metered, metered_fit
from legonet.distill.fitting.estimate import Estimate, expect
from legonet.distill.fitting.initialisation import STRANGERS
from legonet.distill.flops.meter import Meter
from legonet.distill.recorded import expect_own
from legonet.graph.schema import Adapter
from legonet.ir.interpreter import GraphModule
from legonet.plan.weak import weak

FEW = 10  # images below which the first that helps is more of them


@dataclass(frozen=True)
class Samples:
    """Images of the category, normalised as f expects them, labelled or not."""

    images: Tensor
    labels: Tensor | None = None


def given_in(samples: Samples | None) -> Given:
    """How many images there are, and whether with labels."""
    return (0, False) if samples is None else (len(samples.images), samples.labels is not None)


@dataclass(frozen=True)
class Fitted:
    """A fitted adapter, what was measured, and what was missing."""

    adapter: GraphModule
    quality: dict[str, float]
    notes: list[str] = field(default_factory=list)


def fit(
    edge: Edge,
    spec: Adapter,
    samples: Samples | None = None,
    device: torch.device | str = "cpu",
    progress: StepCallback | None = None,
    imagined: Tensor | None = None,
    checkpoint: Checkpoint | None = None,
    whole: bool = True,
) -> Fitted:
    """Fit the adapter of one edge.

    Args:
        edge: The frozen modules on both sides, and what is known of them.
        spec: The adapter's shape, method and seed. Same seed, same machine: same weights.
        samples: Images of the category, if there are any.
        device: Where to compute.
        progress: Called with (step, steps, loss) by methods that iterate.
        imagined: What `legonet.distill.synthesis.features.synthesise_features` made for this edge,
            where several adapters are fitted to one teacher; default: made anew.
        checkpoint: Where descents leave their states.
        whole: The adapter is all of the path's, so that what is to be expected of the path can be told.

    Returns:
        The adapter in evaluation mode on the CPU, frozen. Its quality is what the method measured, and the
        `agreement` with the teacher that is to be expected on real images, `agreement from` and `agreement
        to`, unless there is nothing to compare on; see `legonet.distill.fitting.estimate`.

    Raises:
        DistillError: The adapter cannot be fitted by its method, from what is given.
    """
    expect_own(edge.statistics, edge.teacher_module, edge.source, edge.path)
    generic = edge.generic_statistics, edge.task_module, edge.target, edge.path
    expect_own(*generic, "the generic task module's teacher")
    if spec.activation is None:
        spec = spec.model_copy(update={"activation": "none" if _has_signs(edge) else "relu"})
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(spec.seed)
        adapter = build_adapter_of(spec, edge.given, edge.taken, edge.path)
    f, student, teacher = (
        frozen(module, device) for module in (edge.category_module, edge.task_module, edge.teacher_module)
    )
    images = None if samples is None or len(samples.images) == 0 else samples.images.to(device)
    listens = progress is not None
    work, meter = metered_fit(edge, spec, given_in(samples), whole) if listens else (None, Meter())
    context = Context(
        edge=edge,
        category_module=f,
        adapter=adapter.to(device).requires_grad_(False),
        student=student,
        teacher=teacher,
        images=images,
        features=None if images is None else features_of(f, images),
        labels=None if samples is None or samples.labels is None else samples.labels.to(device),
        imagined=None if imagined is None else imagined.to(device),
        generator=torch.Generator().manual_seed(spec.seed),
        device=device,
        progress=metered(progress, meter),
        checkpoint=checkpoint,
        work=work,
        meter=meter,
    )
    set_beta(context.adapter, _beta(context))
    quality = spec.settings.fit(context)
    common = quality.get("residual", math.inf) <= STRANGERS
    expected = expect(context, common) if whole and spec.settings.needs_teacher else None
    if expected is not None:
        quality = quality | expected.quality()
        context.notes.extend(remarks(edge, expected, given_in(samples)[0]))
    return Fitted(context.adapter.requires_grad_(False).cpu().eval(), quality, context.notes)


def remarks(edge: Edge, expected: Estimate, images: int) -> list[str]:
    """What people should know of what is to be expected of a path, and what would help most.

    Args:
        edge: The path, and what is known of its teacher.
        expected: Of the whole path.
        images: How many were given.
    """
    path, known, found = edge.path, edge.statistics, []
    side = None if known is None else edge.meaning.one_sided(known.output_quantiles.tolist())
    if side is not None:
        found.append(
            f"{path}: the teacher's statistics are of images that it calls {side} alone, so that the "
            "output's offset may be wrong; record them on images that show the category and on others"
        )
    mark = weak(path, expected.quality(), statistics=known is not None, images=images >= FEW)
    return found if mark is None else [*found, str(mark)]


def _has_signs(edge: Edge) -> bool:
    """Whether g_S takes features that are negative in part, as far as its teacher's owner recorded any."""
    known = edge.generic_statistics
    if known is None:
        return False
    return bool((known.quantiles < 0).any() or (known.means < 0).any())


def _beta(context: Context) -> float:
    """Find beta = E‖f_S(I)‖ / E‖f(I)‖, from the statistics or the images; 1 where either is unknown."""
    edge, own = context.edge, None
    if edge.statistics is not None:
        own = edge.statistics.norm
    elif context.features is not None:
        own = float(context.features.flatten(1).norm(dim=1).mean())
    if edge.generic_statistics is None or not own:
        missing = "generic task module's teacher" if edge.generic_statistics is None else "category's teacher"
        context.notes.append(
            f"{edge.path}: the features keep their scale (beta is 1): the {missing} has no statistics; run "
            "`legonet teacher record`"
        )
        return 1.0
    return edge.generic_statistics.norm / own
