"""The last hidden features of transplanted networks, seen through their two principal components.

Source: arXiv:1804.10272, figure 4, which shows the features that fc8 takes.
"""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.experiments import TEACHER, Trial, trials
from benchmarks.rig import Rig
from legonet.evaluate import scores
from legonet.ir.cuts import split_at
from legonet.ir.interpreter import GraphModule, part

CATEGORY = "cat"
ADAPTER = "three 1x1"  # the paper's
SHOWN = (("ordinary", 100), ("back-distillation", 100), ("auto", 0), ("auto", 100))
IMAGES = 400


def hidden_components(rig: Rig) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Fit the adapters of Experiment 2 that are shown, and project what the last layer takes.

    Returns:
        By method (images, 2), each in its own two principal components; and the labels (images,).
    """
    points = {}
    teacher = Trial("2", "", TEACHER, CATEGORY)
    features, labels = (part[:IMAGES] for part in rig.held_out(teacher))
    for trial in shown_trials():
        fitted, _ = rig.fit(trial)
        adapted = scores(fitted.adapter, features)
        points[f"{trial.method}, {trial.images} images"] = _project(rig.edge(trial).task_module, adapted)
    points[TEACHER] = _project(rig.edge(teacher).teacher_module, features)
    return points, labels.numpy()


def shown_trials() -> list[Trial]:
    """The trials that are shown, of the methods that there are."""
    found = {
        (trial.method, trial.images): trial
        for trial in trials(["2"], seeds=1)
        if trial.category == CATEGORY and trial.adapter == ADAPTER and not trial.random_f
    }
    return [found[which] for which in SHOWN if which in found]


def _project(model: GraphModule, features: Tensor) -> NDArray[Any]:
    hidden = last_hidden(model, features).double()
    centred = hidden - hidden.mean(0)
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * axes[:2].sum(1, keepdim=True).sign()  # an axis has no direction of its own
    return (centred @ axes.T).numpy()


def last_hidden(model: GraphModule, features: Tensor) -> Tensor:
    """What the last operation of a module takes: (batch, size)."""
    (taken,) = model.graph.steps[model.graph.output].references()
    below, _ = split_at(model.graph, taken)
    return scores(part(model, below), features).flatten(1)
