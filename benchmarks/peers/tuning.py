"""The task module itself is fine-tuned for each category by labelled images: whole, its biases, by LoRA.

A copy of it for each category is no merging of task modules, and tuned in place it forgets the categories
before: what network transplanting sets out to avoid.

Source: Ben Zaken et al. (BitFit), arXiv:2106.10199; Hu et al. (LoRA), arXiv:2106.09685.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import parametrize

from benchmarks.peers.descent import learn
from benchmarks.peers.setting import GENERIC, TARGETS, Joined, Setting

HOW = {"whole": (300, 3e-3), "biases": (1000, 3e-2), "low rank": (300, 1e-2)}  # steps, learning rate
RANK = 4


Prepare = Callable[[nn.Sequential], Iterable[nn.Parameter]]


def tuned(setting: Setting) -> nn.Module:
    """Tune a copy for each category."""
    return _each(setting, (), lambda g: g.requires_grad_(True).parameters(), "whole")


def biases(setting: Setting) -> nn.Module:
    """Tune the biases alone; all other weights are shared."""

    def prepare(g: nn.Sequential) -> Iterable[nn.Parameter]:
        chosen = [each for name, each in g.named_parameters() if name.endswith("bias")]
        for each in chosen:
            each.requires_grad_(True)
        return chosen

    return _each(setting, ("weight",), prepare, "biases")


def low_rank(setting: Setting) -> nn.Module:
    """Add a product of two thin matrices to each weight; the weights and biases are shared."""

    def prepare(g: nn.Sequential) -> Iterable[nn.Parameter]:
        torch.manual_seed(setting.seed)
        for layer in g:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                parametrize.register_parametrization(layer, "weight", _LowRank(layer.weight))
        return [each for name, each in g.named_parameters() if ".thin_" in name]

    return _each(setting, ("weight", "bias"), prepare, "low rank")


def in_place(setting: Setting) -> nn.Module:
    """Tune the one task module for each category as it arrives."""
    below, task = setting.halves(GENERIC)
    belows: list[nn.Module] = [below]
    task.requires_grad_(True)
    for category in TARGETS:
        f, _ = setting.halves(category)
        _tune(setting, category, f, task, task.parameters(), "whole")
        belows.append(f)
    task.requires_grad_(False)
    return Joined(belows, [task] * len(belows))


class _LowRank(nn.Module):
    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        rows = weight.shape[0]
        self.thin_out = nn.Parameter(torch.zeros(rows, RANK))
        self.thin_in = nn.Parameter(torch.randn(RANK, weight.numel() // rows) / RANK**0.5 * 0.1)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.thin_out @ self.thin_in).view_as(weight)


def _each(setting: Setting, shared: tuple[str, ...], prepare: Prepare, what: str) -> nn.Module:
    """Tune a copy of the generic task module for each category, but for the parameters that are shared."""
    below, task = setting.halves(GENERIC)
    belows: list[nn.Module] = [below]
    aboves: list[nn.Module] = [task]
    for category in TARGETS:
        f, _ = setting.halves(category)
        kept = {id(each): each for name, each in task.named_parameters() if name.endswith(shared)}
        own = copy.deepcopy(task, kept)
        _tune(setting, category, f, own, prepare(own), what)
        belows.append(f)
        aboves.append(own.requires_grad_(False))
    return Joined(belows, aboves)


def _tune(
    setting: Setting,
    category: str,
    f: nn.Module,
    g: nn.Module,
    parameters: Iterable[nn.Parameter],
    what: str,
) -> None:
    images, labels = setting.images(category, 100)
    features, wanted = f(images), labels.float()

    def loss(chosen: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(g(features[chosen])[:, 0], wanted[chosen])

    learn(parameters, loss, len(features), *HOW[what], setting.seed)
