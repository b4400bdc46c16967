"""Fit one adapter: everything a job does, whatever the method."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from legonet.blocks.adapter import build_adapter, set_beta
from legonet.distill.calibrate import calibrate
from legonet.distill.closed_form import Draw, solve_adapter
from legonet.distill.draws import draw_gradient, draw_masks
from legonet.distill.methods.back_distillation import Labelled, back_distill
from legonet.distill.pullback import Pullback, Shape
from legonet.distill.synthesis import synthesise
from legonet.errors import DistillError
from legonet.graph.schema import Adapter, ClosedForm, Output
from legonet.teachers.statistics import Statistics

Progress = Callable[[int, int, float], None]
SYNTHESISED = 512  # features drawn from the statistics for calibration


@dataclass(frozen=True)
class Edge:
    """What an adapter is fitted between. All modules are frozen.

    Attributes:
        path: its name, `category:task`.
        category_module: f.
        task_module: g_S, the generic task module.
        teacher_module: g_T, the teacher's task part above f.
        source: shape of f's features; g_T takes them.
        target: shape of the features that g_S takes.
        meaning: what the output means.
        statistics: of the teacher (f and g_T), if its owner recorded them.
        generic_statistics: of the teacher that gave g_S, likewise.
    """

    path: str
    category_module: nn.Sequential
    task_module: nn.Sequential
    teacher_module: nn.Sequential
    source: Shape
    target: Shape
    meaning: Output
    statistics: Statistics | None = None
    generic_statistics: Statistics | None = None


@dataclass(frozen=True)
class Samples:
    """Images of the category, normalised as f expects them, labelled or not."""

    images: Tensor
    labels: Tensor | None = None


@dataclass(frozen=True)
class Fitted:
    """A fitted adapter, what was measured, and what was missing."""

    adapter: nn.Sequential
    quality: dict[str, float]
    notes: list[str] = field(default_factory=list)


def fit(
    edge: Edge,
    spec: Adapter,
    samples: Samples | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Fitted:
    """Fit the adapter of one edge.

    Args:
        edge: the frozen modules on both sides, and what is known of them.
        spec: the adapter's shape, method and seed. Same seed, same machine: same weights.
        samples: images of the category, if there are any.
        device: where to compute.
        progress: called with (step, steps, loss) by methods that iterate.

    Returns:
        The adapter in evaluation mode on the CPU, frozen.

    Raises:
        DistillError: the two task modules cannot be compared by this method.
    """
    _expect_alike(edge)
    settings = spec.settings
    notes: list[str] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        adapter = build_adapter(spec, edge.source, edge.target, edge.path)
    adapter = adapter.to(device).requires_grad_(False)
    f, student, teacher = (
        copy.deepcopy(module).to(device).eval().requires_grad_(False)
        for module in (edge.category_module, edge.task_module, edge.teacher_module)
    )
    features = _features(f, samples, device)
    set_beta(adapter, _beta(edge, features, notes))
    generator = torch.Generator().manual_seed(spec.seed)
    if isinstance(settings, ClosedForm):
        residual = _closed_form(adapter, student, teacher, edge, settings, generator, device, notes)
    else:
        labelled = None
        if features is not None and samples is not None and samples.labels is not None:
            labelled = Labelled(features, samples.labels.to(device), edge.meaning)
        residual = back_distill(
            adapter, student, teacher, edge.target, edge.source, settings, generator, labelled, progress
        )
    quality = {"residual": residual}
    if isinstance(settings, ClosedForm) and settings.calibrate:
        known = _known_features(edge, features, generator, device)
        if known is None:
            notes.append(
                f"{edge.path}: scale and offset are not calibrated: the teacher has no statistics and no image "
                "was given; run `legonet teacher record`, or give some images"
            )
        else:
            quality["mismatch"] = calibrate(adapter, student, teacher, known)
    return Fitted(adapter.cpu().eval(), quality, notes)


def _expect_alike(edge: Edge) -> None:
    """Both task modules must have ReLUs and outputs of equal shapes: masks and G are shared by position."""
    student, teacher = Pullback(edge.task_module, edge.target), Pullback(edge.teacher_module, edge.source)
    if student.output_shape != teacher.output_shape or student.relu_shapes != teacher.relu_shapes:
        raise DistillError(
            f"{edge.path}: the generic task module and the teacher's differ in shape (outputs "
            f"{student.output_shape} and {teacher.output_shape}; {len(student.relu_shapes)} and "
            f"{len(teacher.relu_shapes)} ReLUs); this method shares ReLU masks by position and expects equal ones; "
            "give a teacher of the generic module's architecture"
        )


def _features(f: nn.Module, samples: Samples | None, device: torch.device | str) -> Tensor | None:
    if samples is None or len(samples.images) == 0:
        return None
    with torch.no_grad():
        return torch.cat([f(batch.to(device)) for batch in samples.images.split(64)])


def _beta(edge: Edge, features: Tensor | None, notes: list[str]) -> float:
    """beta = E‖f_S(I)‖ / E‖f(I)‖, from the statistics or the images; 1 where either is unknown."""
    own = None
    if edge.statistics is not None:
        own = edge.statistics.norm
    elif features is not None:
        own = float(features.flatten(1).norm(dim=1).mean())
    if edge.generic_statistics is None or not own:
        missing = "generic task module's teacher" if edge.generic_statistics is None else "category's teacher"
        notes.append(f"{edge.path}: beta is 1: the {missing} has no statistics; run `legonet teacher record`")
        return 1.0
    return edge.generic_statistics.norm / own


def _closed_form(
    adapter: nn.Sequential,
    student: nn.Sequential,
    teacher: nn.Sequential,
    edge: Edge,
    settings: ClosedForm,
    generator: torch.Generator,
    device: torch.device | str,
    notes: list[str],
) -> float:
    """Solve in float64, so that the residual shows the modules' difference and not rounding."""
    pull_student = Pullback(copy.deepcopy(student).double(), edge.target)
    pull_teacher = Pullback(copy.deepcopy(teacher).double(), edge.source)
    passes: float | list[Tensor] = float(settings.keep)
    if settings.masks == "recorded":
        if edge.statistics is None:
            notes.append(
                f"{edge.path}: masks are drawn with keep = {settings.keep}: the teacher has no statistics; "
                "run `legonet teacher record`"
            )
        else:
            passes = edge.statistics.activity

    def draw(count: int) -> Draw:
        gradient = draw_gradient(count, pull_student.output_shape, "uniform", generator, torch.float64)
        masks = draw_masks(count, pull_student.relu_shapes, passes, generator, dtype=torch.float64)
        return Draw(gradient.to(device), [mask.to(device) for mask in masks])

    exact = copy.deepcopy(adapter).double()
    residual = solve_adapter(exact, pull_student, pull_teacher, draw, settings.draws, settings.ridge)
    adapter.load_state_dict(exact.state_dict())
    return residual


def _known_features(
    edge: Edge, features: Tensor | None, generator: torch.Generator, device: torch.device | str
) -> Tensor | None:
    """Features to compare outputs on: synthesised, real, or both."""
    parts = [] if features is None else [features]
    if edge.statistics is not None:
        parts.append(synthesise(edge.statistics, SYNTHESISED, generator).to(device))
    if not parts:
        return None
    known = torch.cat(parts)
    return known[torch.randperm(len(known), generator=generator).to(device)]
