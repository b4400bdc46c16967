"""Teachers on photos that nobody composed: electroluminescence photos of solar cells, one kind of cell each.

The photos are the wheel `elpv-dataset`'s (Deitsch et al., CC BY-NC-SA 4.0): 2,624 cells of 300x300 pixels,
each of one kind, mono- or polycrystalline, with the probability that it is defective. They are read from the
wheel; none of them, and no weights that learned from them, is part of this repository.

Needs the extra `zoo`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legonet.errors import DataError

KINDS = ("mono", "poly")
SIDE = 128
MEAN = STD = 0.5
SHARES = (0.6, 0.75)  # train up to here, validation up to there, the rest is for the test
_BATCH = 32
_ROUNDS = 8
_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Photos:
    """Photos of one kind of cell, normalised, (batch, 3, side, side), and whether each is defective."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Split:
    """The photos of one kind; the split is the same for all seeds of teachers and fits."""

    train: Photos
    validation: Photos
    test: Photos


@cache
def _dataset() -> tuple[Any, Any, Any]:
    try:
        return importlib.import_module("elpv_dataset.utils").load_dataset()
    except ImportError as error:
        raise DataError(
            "cells: elpv-dataset is not installed; expected the extra 'zoo'; run: pip install 'legonet[zoo]'"
        ) from error


def cells(kind: str, side: int = SIDE) -> Split:
    """Read the photos of one kind of cell, `mono` or `poly`."""
    photos, probabilities, kinds = _dataset()
    chosen = np.flatnonzero(kinds == kind)
    images = torch.stack(
        [
            F.interpolate(
                torch.from_numpy(photos[each]).float()[None, None] / 255,
                size=(side, side), mode="bilinear", antialias=True, align_corners=False,
            )[0]
            for each in chosen
        ]
    )  # fmt: skip
    images = ((images.clamp(0, 1) - MEAN) / STD).expand(-1, 3, -1, -1)
    labels = torch.from_numpy((probabilities[chosen] > 0.5).astype(np.int64))
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(0))
    begin, end = (round(share * len(order)) for share in SHARES)
    parts = (order[:begin], order[begin:end], order[end:])
    return Split(*(Photos(images[each].contiguous(), labels[each]) for each in parts))


def tune(model: nn.Module, photos: Photos, seed: int, rounds: int = _ROUNDS) -> None:
    """Fine-tune a whole network, in place, its batch norms too.

    Source: Adam with decoupled weight decay, Loshchilov and Hutter, arXiv:1711.05101; one cycle of the
    learning rate, Smith and Topin, arXiv:1708.07120.
    """
    parameters = [each.requires_grad_() for each in model.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, weight_decay=1e-3)
    steps = rounds * -(-len(photos) // _BATCH)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, _LEARNING_RATE, total_steps=steps, pct_start=0.25)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(rounds):
        for chosen in torch.randperm(len(photos), generator=generator).split(_BATCH):
            images = photos.images[chosen]
            for axis in (-1, -2):
                flipped = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
                images = torch.where(flipped, images.flip(axis), images)
            optimiser.zero_grad()
            score = model(images)[:, 0]
            F.binary_cross_entropy_with_logits(score, photos.labels[chosen].float()).backward()
            optimiser.step()
            cycle.step()
    model.eval()
    for each in parameters:
        each.requires_grad_(False)


@dataclass(frozen=True)
class Measured:
    """How scores fare on labelled photos; errors are fractions."""

    error: float
    balanced: float
    auc: float


def measured(scores: Tensor, labels: Tensor) -> Measured:
    """Measure scores (batch,), positive for a defect; balanced: the mean of both classes' errors."""
    wrong, positive = (scores > 0).long() != labels, labels == 1
    ranks = torch.cat([scores[positive], scores[~positive]]).double().argsort().argsort().double()
    count = int(positive.sum())
    above = float(ranks[:count].sum()) - count * (count - 1) / 2
    halves = [float(wrong[each].float().mean()) for each in (positive, ~positive)]
    return Measured(float(wrong.float().mean()), sum(halves) / 2, above / (count * (len(labels) - count)))
