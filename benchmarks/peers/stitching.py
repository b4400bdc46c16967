"""Model stitching: a linear layer of one pixel joins category module and task module, by labelled images.

Source: Lenc and Vedaldi, arXiv:1411.5908; Bansal, Nakkiran and Barak, arXiv:2106.07682.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.peers.descent import learn
from benchmarks.peers.setting import GENERIC, TARGETS, Joined, Setting

STEPS, LEARNING_RATE = 300, 1e-2


def stitched(setting: Setting) -> nn.Module:
    """Every category's module stitched to the generic task module."""
    below, task = setting.halves(GENERIC)
    belows: list[nn.Module] = [below]
    aboves: list[nn.Module] = [task]
    for category in TARGETS:
        f, _ = setting.halves(category)
        images, labels = setting.images(category, 100)
        features, wanted = f(images), labels.float()
        torch.manual_seed(setting.seed)
        stitch = nn.Conv2d(features.shape[1], features.shape[1], 1)
        nn.init.dirac_(stitch.weight)
        whole = nn.Sequential(stitch, task)

        def loss(
            chosen: Tensor, whole: nn.Module = whole, features: Tensor = features, wanted: Tensor = wanted
        ) -> Tensor:
            return binary_cross_entropy_with_logits(whole(features[chosen])[:, 0], wanted[chosen])

        learn(stitch.parameters(), loss, len(features), STEPS, LEARNING_RATE, setting.seed)
        belows.append(f)
        aboves.append(whole.requires_grad_(False))
    return Joined(belows, aboves)
