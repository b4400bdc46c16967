"""Matching at the image: the category's module f is not the teacher's own, f'.

Teacher f' ∘ g_T and student f ∘ h ∘ g_S have nothing in common above the image, where both start. So the
adapter begins with a bridge, a convolution B that turns f's features into f''s;
`legonet.distill.fitting.bridge` finds it from unlabelled images I. They are those that are given, leaves,
which show nothing (`legonet.data.leaves`), and leaves that are moved by pullback to the image until both f'
and B ∘ f show g_T what its owner recorded (`legonet.distill.synthesis.inversion`): what f' alone sees in an
image may be an accident of its weights, and teaches f nothing. Images are joined at random lines, turned,
scaled and coloured. Above the bridge stands the adapter that the edge would have had on f' itself; nothing
where g_T is g_S. Then all of it is refined by

    smooth L1(y_S, y_T)  +  disagreement(y_S, y_T)

on the same images, and kept only where that agrees better with the teacher on images that were held out.

Source: legonet.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from legonet.blocks.adapter_layers import MAPS
from legonet.distill.fitting.bridge import learn_bridge, solve_bridge
from legonet.distill.fitting.checkpoint import Checkpoint, DescentState
from legonet.distill.fitting.context import Edge, StepCallback, features_of, frozen, outputs_of
from legonet.distill.fitting.count import metered, metered_stitching, scaled
from legonet.distill.fitting.estimate import expect_of
from legonet.distill.fitting.fit import Fitted, Samples, fit, given_in, remarks
from legonet.distill.fitting.losses import output_scale
from legonet.distill.fitting.optimise import keep_better, optimise
from legonet.distill.flops.stitching import (
    BATCH,
    JOINED,
    STEPS,
    SYNTHESISED,
    affordable_steps,
    joined_images,
    refined_steps,
    step_operations,
)
from legonet.distill.memory import in_parts, kept_together
from legonet.distill.pullback import Shape
from legonet.distill.recorded import expect_own
from legonet.distill.synthesis.augment import cutmix, mixed_batch, transformed
from legonet.distill.synthesis.inversion import invert
from legonet.errors import DistillError
from legonet.graph.schema import Adapter, Input
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import with_tensors
from legonet.ir.sizes import size_of
from legonet.outputs.losses import mismatch

HELD_OUT = 5  # one image in so many is only measured on
FEW = 40  # given images are held out too from this number on
HALF = 200  # given images that take half of what is learned from
LEARNING_RATE = 5e-4


def fit_stitched(
    edge: Edge,
    own_category_module: GraphModule,
    spec: Adapter,
    samples: Samples | None = None,
    device: torch.device | str = "cpu",
    progress: StepCallback | None = None,
    checkpoint: Checkpoint | None = None,
    upper: Fitted | None = None,
) -> Fitted:
    """Fit the adapter of an edge whose teacher stands on another category module.

    Args:
        edge: Its `category_module` is f, its `source` is the shape of f's features.
        own_category_module: f', the module under g_T.
        spec: The adapter's shape, method and seed, for what stands above the bridge.
        samples: Images of the category, if there are any; their labels serve the adapter above the bridge.
        device: Where to compute.
        progress: Called with (step, steps, loss).
        checkpoint: Where descents leave their states.
        upper: What stands above the bridge, where it was fitted on f' before; default: fitted now.

    Returns:
        The adapter, bridge included. Its quality has `bridge`, the part of f''s features that the least
        squares miss, and `disagreement`, both on held-out images, and the `agreement` that is to be expected.

    Raises:
        DistillError: Features that no convolution joins, or what the method refuses.
    """
    if edge.input is None:
        raise DistillError(
            f"{edge.path}: the network's input is not known; expected it, to match two modules"
        )
    shapes = edge.source, _shape(own_category_module, edge.input)
    if any(len(shape) != 3 for shape in shapes):
        raise DistillError(
            f"{edge.path}: the category module gives features of shape {shapes[0]}, the teacher's own "
            f"{shapes[1]}; expected feature maps (channels, height, width) of both; {MAPS}"
        )
    expect_own(edge.statistics, edge.teacher_module, shapes[1], edge.path)
    same = _same(edge.task_module, edge.teacher_module)
    before, within, after = metered_stitching(edge, own_category_module, spec, given_in(samples), same)
    if upper is None and same:
        upper = Fitted(build_graph(lower({})), {})
    elif upper is None:
        on_own = replace(edge, category_module=own_category_module, source=shapes[1])
        above = None if progress is None else scaled(progress, before.part(0.0))
        upper = fit(on_own, spec, samples, device, above, checkpoint=checkpoint, whole=False)
    if progress is not None:
        progress(0, 0, math.nan, "matching at the image", before.part(0.0))
    f, own, student, teacher = (
        frozen(module, device)
        for module in (edge.category_module, own_category_module, edge.task_module, edge.teacher_module)
    )
    generator = torch.Generator().manual_seed(spec.seed)
    synthesise = partial(invert, own, teacher, edge.input)
    given = torch.zeros(0, *edge.input.shape) if samples is None else samples.images
    given = given[torch.randperm(len(given), generator=generator)].to(device)
    given, given_held_out = _split(given) if len(given) >= FEW else (given, given[:0])
    drawn, drawn_held_out = _split(synthesise(None, SYNTHESISED, generator, device))
    known, held_out = torch.cat([given, drawn]), torch.cat([given_held_out, drawn_held_out])
    bridge = solve_bridge(features_of(f, known), features_of(own, known), shapes)
    wanted = features_of(own, held_out)
    missed = outputs_of(bridge, features_of(f, held_out)) - wanted
    missing = float(missed.norm() / wanted.norm().clamp_min(1e-12))
    below = nn.Sequential(f, bridge)
    moved, moved_held_out = _split(synthesise(edge.statistics, SYNTHESISED, generator, device, beside=below))
    held_out = torch.cat([held_out, moved_held_out])
    features, own_features = [], []
    for images in _images(given, torch.cat([drawn, moved]), joined_images(JOINED, *shapes), generator):
        features.append(features_of(f, images))
        own_features.append(features_of(own, images))
    seen, own_seen = torch.cat(features), torch.cat(own_features)
    shown, own_shown = features_of(f, held_out), features_of(own, held_out)
    learned, refined = step_operations(
        *(
            size_of(module.graph, shape).operations
            for module, shape in (
                (teacher, shapes[1]),
                (student, edge.target),
                (bridge, shapes[0]),
                (upper.adapter, shapes[1]),
            )
        )
    )
    learn_bridge(
        edge,
        (bridge, teacher),
        (seen, own_seen),
        (shown, own_shown),
        affordable_steps(learned, STEPS),
        generator,
        metered(progress, within),
        None if checkpoint is None else checkpoint.descent(generator),
    )
    adapter = _joined(bridge, upper.adapter.to(device))
    wanted = outputs_of(teacher, own_shown)
    disagreement = _refine(
        edge,
        (adapter, student),
        (seen, outputs_of(teacher, own_seen)),
        (shown, wanted),
        affordable_steps(refined, refined_steps(STEPS)),
        generator,
        metered(progress, after),
        None if checkpoint is None else checkpoint.descent(generator),
    )
    found = outputs_of(nn.Sequential(adapter, student), shown)
    expected = expect_of(edge, wanted.cpu(), found.cpu(), common=False)
    count = len(given) + len(given_held_out)
    sources = f"{count} given and {2 * SYNTHESISED}" if count else f"{2 * SYNTHESISED}"
    note = (
        f"{edge.path}: matched at the image on {sources} synthesised images: a linear bridge misses "
        f"{missing:.0%} of the teacher's own features; disagreement of the outputs on {len(held_out)} "
        f"held-out images: {disagreement:.3f}"
    )
    notes = [*upper.notes, note, *remarks(edge, expected, count)]
    quality = {**upper.quality, "bridge": missing, "disagreement": disagreement, **expected.quality()}
    return Fitted(adapter.requires_grad_(False).cpu().eval(), quality, notes)


def _split(images: Tensor) -> tuple[Tensor, Tensor]:
    """Those to learn from, and those that are held out."""
    return images[torch.arange(len(images)) % HELD_OUT != 0], images[::HELD_OUT]


def _images(given: Tensor, synthesised: Tensor, count: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Batches of images, each joined to another along a line; the more are given, the more of these."""
    share = round(BATCH * len(given) / (len(given) + HALF))

    def batch() -> Tensor:
        return mixed_batch(((given, share), (synthesised, BATCH - share)), generator)

    for _ in range(count // BATCH):
        yield transformed(cutmix(batch(), batch(), generator), generator)


def _refine(
    edge: Edge,
    above: tuple[GraphModule, GraphModule],
    seen: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    steps: int,
    generator: torch.Generator,
    progress: StepCallback | None,
    state: DescentState | None,
) -> float:
    """Change the adapter in place where that agrees better.

    Args:
        edge: What the output means.
        above: The adapter and g_S.
        seen: Features f(I) and the teacher's answers, to learn from.
        held_out: Likewise, to judge by.
        steps: Of the descent.
        generator: Chooses batches.
        progress: Called with (step, steps, loss).
        state: Where the descent leaves its state.

    Returns:
        The disagreement on the held-out images.
    """
    (adapter, student), (features, answers), (others, wanted) = above, seen, held_out
    path, scale = nn.Sequential(adapter, student), output_scale(wanted)
    kept = kept_together((adapter.graph, features.shape[1:]), (student.graph, edge.target))

    def judge() -> float:
        return max(0.0, float(edge.meaning.disagreement(outputs_of(path, others), wanted, scale)))

    def loss() -> Tensor:
        chosen = torch.randint(len(features), (BATCH,), generator=generator).to(features.device)
        found = in_parts(path, features[chosen], kept)
        return mismatch(found, answers[chosen], scale) + edge.meaning.disagreement(
            found, answers[chosen], scale
        )

    def descend() -> None:
        optimise(adapter, loss, steps, LEARNING_RATE, decay=True, progress=progress, state=state)

    return keep_better(adapter, judge, descend)


def _joined(bridge: GraphModule, upper: GraphModule) -> GraphModule:
    layers = {**(bridge.graph.notation or {}), **(upper.graph.notation or {})}
    return copy.deepcopy(with_tensors(lower(layers), {**bridge.state_dict(), **upper.state_dict()}))


def _same(left: GraphModule, right: GraphModule) -> bool:
    """Whether two task modules are the same bytes in the same architecture."""
    if left.graph != right.graph:
        return False
    states = left.state_dict(), right.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def _shape(module: GraphModule, given: Input) -> Shape:
    with torch.no_grad():
        return tuple(module(torch.zeros(1, *given.shape)).shape[1:])
