"""Matching at the image: the category's module f is not the teacher's own, f'.

Teacher f' ∘ g_T and student f ∘ h ∘ g_S have nothing in common above the image, where both start. So the
adapter begins with a bridge, a convolution B that turns f's features into f''s,

    min_B  Σ ‖B f(I) − f'(I)‖²  +  ridge · ‖B‖²

over unlabelled images I: linear least squares. Above it stands the adapter that the edge would have had on
f' itself; nothing above it where g_T is g_S. Without an image I is synthesised from the teacher. Then all of
it is refined by outputs and by gradients that are pulled back to the image,

    smooth L1(y_S, y_T)  +  disagreement(y_S, y_T)  +  ‖D_S − D_T‖² / ‖D_T‖²,      D = ∂(G · y) / ∂I

and kept only where that agrees better with the teacher on images that were held out.

Source: legonet; the matching of gradients is equation (2) of arXiv:1804.10272, taken at the image.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legonet.blocks.joining import BRIDGE_KERNEL as KERNEL
from legonet.blocks.joining import MAPS
from legonet.blocks.weights import Loaded, architecture_of
from legonet.distill.amounts import BRIDGE_BATCH as BATCH
from legonet.distill.amounts import BRIDGE_FEW as FEW
from legonet.distill.amounts import BRIDGE_STEPS as STEPS
from legonet.distill.amounts import BRIDGE_SYNTHESISED as SYNTHESISED
from legonet.distill.checkpoint import Checkpoint, DescentState
from legonet.distill.context import Edge, Progress, features_of, frozen, outputs_of
from legonet.distill.descent import descend
from legonet.distill.fit import Fitted, Samples, fit
from legonet.distill.inversion import invert
from legonet.distill.losses import disagreement, output_scale, value_and_jacobian
from legonet.distill.pullback import Shape
from legonet.errors import DistillError
from legonet.graph.schema import Adapter

RIDGE = 1e-4  # relative to the mean of the Gram matrix's diagonal
HELD_OUT = 5  # one image in so many is only measured on
LEARNING_RATE = 1e-3


def fit_bridged(
    edge: Edge,
    own_category_module: Loaded,
    spec: Adapter,
    samples: Samples | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Fit the adapter of an edge whose teacher stands on another category module.

    Args:
        edge: its `category_module` is f, its `source` is the shape of f's features.
        own_category_module: f', the module under g_T.
        spec: the adapter's shape, method and seed, for what stands above the bridge.
        samples: images of the category, if there are any; their labels serve the adapter above the bridge.
        device: where to compute.
        progress: called with (step, steps, loss).
        checkpoint: where descents leave their states.

    Returns:
        The adapter, bridge included. Its quality has `bridge`, the part of f''s features that the bridge
        misses, and `disagreement`, both on held-out images.

    Raises:
        DistillError: features that no convolution joins, or what the method refuses.
    """
    shapes = edge.source, _shape(own_category_module, edge)
    if any(len(shape) != 3 for shape in shapes):
        raise DistillError(
            f"{edge.path}: the category module gives features of shape {shapes[0]}, the teacher's own "
            f"{shapes[1]}; expected feature maps (channels, height, width) of both; {MAPS}"
        )
    upper = Fitted(nn.Sequential(), {})
    if not _same(edge.task_module, edge.teacher_module):
        on_own = replace(edge, category_module=own_category_module, source=shapes[1])
        upper = fit(on_own, spec, samples, device, progress, checkpoint=checkpoint)
    f, own, student, teacher = (
        frozen(module, device)
        for module in (edge.category_module, own_category_module, edge.task_module, edge.teacher_module)
    )
    generator = torch.Generator().manual_seed(spec.seed)
    images = _images(edge, own, teacher, samples, generator, device)
    held_out, seen = images[::HELD_OUT], images[torch.arange(len(images)) % HELD_OUT != 0]
    if not len(seen):
        seen = images
    bridge = _solve(features_of(f, seen), features_of(own, seen), shapes)
    wanted = features_of(own, held_out)
    found = outputs_of(bridge, features_of(f, held_out))
    missed = float((found - wanted).norm() / wanted.norm().clamp_min(1e-12))
    adapter = _joined(bridge, upper.adapter.to(device))
    whole, target = nn.Sequential(f, adapter, student), nn.Sequential(own, teacher)
    state = None if checkpoint is None else checkpoint.descent(generator)
    agreement = _refine(edge, adapter, (whole, target), (seen, held_out), generator, progress, state)
    kind = "given" if samples is not None and len(samples.images) >= FEW else "synthesised and given"
    kind = "synthesised" if samples is None or not len(samples.images) else kind
    note = (
        f"{edge.path}: matched at the image on {len(seen)} {kind} images: the bridge misses "
        f"{missed:.0%} of the teacher's own features; disagreement of the outputs on {len(held_out)} "
        f"held-out images: {agreement:.3f}"
    )
    quality = {**upper.quality, "bridge": missed, "disagreement": agreement}
    return Fitted(adapter.requires_grad_(False).cpu().eval(), quality, [*upper.notes, note])


def _images(
    edge: Edge,
    own: nn.Module,
    teacher: Loaded,
    samples: Samples | None,
    generator: torch.Generator,
    device: torch.device | str,
) -> Tensor:
    """Those that are given, and synthesised ones where these are few; normalised, in random order."""
    parts = [] if samples is None else [samples.images.to(device)]
    if sum(map(len, parts)) < FEW:
        if edge.input is None:
            raise DistillError(
                f"{edge.path}: neither images nor the network's input are known; expected one of them, to "
                "match two category modules at the image; give images"
            )
        made = invert(own, teacher, edge.input, edge.statistics, SYNTHESISED, generator, device)
        parts.append(made)
    images = torch.cat(parts)
    return images[torch.randperm(len(images), generator=generator).to(images.device)]


def _solve(
    features: Tensor, wanted: Tensor, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> nn.Sequential:
    """Resampling where sizes differ, the convolution, and a ReLU where f' gives nothing negative."""
    (channels_in, *_), (channels_out, *size) = shapes
    layers: list[tuple[str, nn.Module]] = []
    if features.shape[2:] != wanted.shape[2:]:
        shrunk = [min(pair) for pair in zip(features.shape[2:], size, strict=True)]
        layers.append(("bridge_pool", nn.AdaptiveAvgPool2d((shrunk[0], shrunk[1]))))
        if shrunk != size:
            up = nn.Upsample(size=(size[0], size[1]), mode="bilinear", align_corners=False)
            layers.append(("bridge_upsample", up))
        features = outputs_of(nn.Sequential(*[layer for _, layer in layers]), features)
    conv = nn.Conv2d(channels_in, channels_out, KERNEL, padding=KERNEL // 2, device="meta")
    conv = conv.to_empty(device=features.device)
    rows = channels_in * KERNEL**2 + 1
    gram = torch.zeros(rows, rows, dtype=torch.float64, device=features.device)
    right = torch.zeros(rows, channels_out, dtype=torch.float64, device=features.device)
    for part, goal in zip(features.split(64), wanted.split(64), strict=True):
        patches = F.unfold(part, KERNEL, padding=KERNEL // 2).transpose(1, 2).flatten(0, 1).double()
        patches = torch.cat([patches, patches.new_ones(len(patches), 1)], 1)
        gram.addmm_(patches.T, patches)
        right.addmm_(patches.T, goal.flatten(2).transpose(1, 2).flatten(0, 1).double())
    scale = gram.diagonal().mean().clamp_min(torch.finfo(torch.float64).tiny)
    gram.diagonal().add_(RIDGE * scale)
    solution = torch.cholesky_solve(right, torch.linalg.cholesky(gram)).T.to(features)
    with torch.no_grad():
        conv.weight.copy_(solution[:, :-1].reshape(conv.weight.shape))
        if conv.bias is not None:
            conv.bias.copy_(solution[:, -1])
    layers.append(("bridge", conv))
    if bool(wanted.min() >= 0):
        layers.append(("bridge_relu", nn.ReLU()))
    joined = nn.Sequential()
    for name, layer in layers:
        joined.add_module(name, layer)
    return joined.eval().requires_grad_(False)


def _refine(
    edge: Edge,
    adapter: nn.Sequential,
    pair: tuple[nn.Sequential, nn.Sequential],
    images: tuple[Tensor, Tensor],
    generator: torch.Generator,
    progress: Progress | None,
    state: DescentState | None,
) -> float:
    """Change the adapter in place where that agrees better; returns the disagreement on held-out images."""
    (student, teacher), (seen, held_out) = pair, images
    wanted = outputs_of(teacher, held_out)
    scale = output_scale(wanted)

    def judge() -> float:
        return max(0.0, float(disagreement(outputs_of(student, held_out), wanted, scale, edge.meaning)))

    def loss() -> Tensor:
        chosen = seen[torch.randint(len(seen), (BATCH,), generator=generator).to(seen.device)]
        value, output, answer = value_and_jacobian(student, teacher, chosen, scale, 1.0, generator)
        return value + disagreement(output, answer, scale, edge.meaning)

    before, start = judge(), copy.deepcopy(adapter.state_dict())
    descend(adapter, loss, STEPS, LEARNING_RATE, decay=True, progress=progress, state=state)
    after = judge()
    if after < before:
        return after
    adapter.load_state_dict(start)
    return before


def _joined(bridge: nn.Sequential, upper: nn.Sequential) -> nn.Sequential:
    joined = nn.Sequential()
    for part in (bridge, upper):
        for name, layer in part.named_children():
            joined.add_module(name, layer)
    return joined


def _same(left: Loaded, right: Loaded) -> bool:
    """Whether two task modules are the same bytes in the same architecture."""
    if architecture_of(left) != architecture_of(right):
        return False
    states = left.state_dict(), right.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def _shape(module: Loaded, edge: Edge) -> Shape:
    if edge.input is None:
        raise DistillError(
            f"{edge.path}: the network's input is not known; expected it, to match two modules"
        )
    with torch.no_grad():
        return tuple(module(torch.zeros(1, *edge.input.shape)).shape[1:])
