"""The bridge: a convolution that turns one category module's features into another's, for a task module.

It is found by linear least squares,

    min_B  Σ ‖B f(I) − f'(I)‖²  +  ridge · ‖B‖²

and misses most of f', but not most of what g_T asks for. So it then descends along

    smooth L1(y_B, y_T)  +  disagreement(y_B, y_T)  +  3 · mean of (u_B − u_T)² / var(u_T)

where y is the output and u what goes into a rectifier, of g_T ∘ B ∘ f (B) and of g_T ∘ f' (T); the mean is
over the rectifiers. It is the same g_T on both sides, so its units can be compared; they tell far more of an
image than the output does.

Source: legonet; inner units as hints, Romero et al., FitNets, arXiv:1412.6550.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.blocks.adapter_layers import BRIDGE_KERNEL as KERNEL
from legonet.blocks.adapter_layers import bridge_layers
from legonet.distill.fitting.checkpoint import DescentState
from legonet.distill.fitting.context import Edge, StepCallback, outputs_of
from legonet.distill.fitting.losses import output_scale
from legonet.distill.fitting.optimise import keep_better, optimise
from legonet.distill.flops.stitching import BATCH
from legonet.distill.memory import in_parts, kept_together
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import with_tensors
from legonet.ir.notation import layer
from legonet.ir.observe import observed
from legonet.outputs.losses import mismatch

RIDGE = 1e-4  # relative to the mean of the Gram matrix's diagonal
LEARNING_RATE = 1e-3
UNITS = 3.0  # weight of what g_T's units miss
SPREAD = 32  # images that tell how far g_T's units are spread, at most


def solve_bridge(
    features: Tensor, wanted: Tensor, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> GraphModule:
    """Solve the bridge's least squares.

    Args:
        features: f(I) of some images, (batch, channels, height, width).
        wanted: f'(I) of them.
        shapes: Of both, without the batch.

    Returns:
        Resampling where sizes differ, the convolution, and a ReLU where f' gives nothing negative.
    """
    (channels_in, *_), (channels_out, *_) = shapes
    named = {"conv": "bridge"}
    layers = {named.get(name, f"bridge_{name}"): each for name, each in bridge_layers(*shapes).items()}
    resampling = {name: each for name, each in layers.items() if name != "bridge"}
    features = outputs_of(build_graph(lower(resampling)), features)
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
    state = {
        "bridge.weight": solution[:, :-1].reshape(channels_out, channels_in, KERNEL, KERNEL).contiguous(),
        "bridge.bias": solution[:, -1].contiguous(),
    }
    if bool(wanted.min() >= 0):
        layers["bridge_relu"] = layer({"type": "relu"})
    return with_tensors(lower(layers), state)


def learn_bridge(
    edge: Edge,
    modules: tuple[GraphModule, GraphModule],
    seen: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    steps: int,
    generator: torch.Generator,
    progress: StepCallback | None = None,
    state: DescentState | None = None,
) -> None:
    """Change the bridge in place where g_T's units then answer more as they do to f''s own features.

    Args:
        edge: What the output means.
        modules: The bridge and g_T.
        seen: Features f(I) and f'(I), to learn from.
        held_out: Likewise, to judge by.
        steps: Of the descent.
        generator: Chooses batches.
        progress: Called with (step, steps, loss).
        state: Where the descent leaves its state.
    """
    (bridge, teacher), (features, own_features) = modules, seen
    shapes = features.shape[1:], own_features.shape[1:]
    kept = kept_together((bridge.graph, shapes[0]), (teacher.graph, shapes[1]), (teacher.graph, shapes[1]))
    scale = output_scale(outputs_of(teacher, held_out[1]))
    every = -(-len(held_out[1]) // SPREAD)
    with torch.no_grad():
        spread = [_spread(each) for each in _units(teacher, held_out[1][::every])[1]]

    def distance(features: Tensor, own: Tensor) -> Tensor:
        with torch.no_grad():
            wanted, theirs = _units(teacher, own)
        found, ours = _units(teacher, bridge(features))
        value = mismatch(found, wanted, scale) + edge.meaning.disagreement(found, wanted, scale)
        missed = [
            F.mse_loss(one, other) / size for one, other, size in zip(ours, theirs, spread, strict=True)
        ]
        return value + UNITS * sum(missed) / max(1, len(missed))

    def loss() -> Tensor:
        chosen = torch.randint(len(features), (BATCH,), generator=generator).to(features.device)
        return in_parts(
            lambda each: distance(features[each], own_features[each]).expand(len(each)), chosen, kept
        ).mean()

    def judge() -> float:
        with torch.no_grad():
            parts = zip(*(each.split(min(BATCH, kept)) for each in held_out), strict=True)
            return sum(len(one) * float(distance(one, other)) for one, other in parts)

    def descend() -> None:
        optimise(bridge, loss, steps, LEARNING_RATE, decay=True, progress=progress, state=state)

    keep_better(bridge, judge, descend)


def _units(teacher: GraphModule, features: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output of g_T, and what goes into its rectifiers."""
    units: list[Tensor] = []
    output = observed(teacher, features, units.append)
    return output, units


def _spread(units: Tensor) -> float:
    """The variance of a channel's units over images and places, the mean of all channels."""
    return max(1e-12, float(units.var((0, *range(2, units.ndim)), correction=0).mean()))
