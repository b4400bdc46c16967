"""About how many operations a fit takes: two for each multiplication with its addition.

Counted from what one image costs each module and from how often a method computes it, not while it computes:
that would slow it down. A backward pass through a frozen module costs as much as a forward pass, through a
trained one twice as much. What is small beside that, such as judging on held-out features, is left out, and
so is what a fit may spare itself, such as refining an exact start.
"""

from __future__ import annotations

from math import prod

import torch
from torch import nn

from legonet.blocks.build import build_architecture
from legonet.blocks.flops import FlopCounter
from legonet.blocks.weights import Loaded, architecture_of
from legonet.distill import activity, bridge, inversion, matching, start
from legonet.distill.context import Edge
from legonet.distill.least_squares import checked, solving_operations
from legonet.distill.methods import auto
from legonet.distill.methods.closed_form import SYNTHESISED
from legonet.distill.pullback import AnyPullback, Shape, pullback
from legonet.errors import DistillError
from legonet.graph.schema import (
    Adapter,
    Auto,
    BackDistillation,
    ClosedForm,
    Distillation,
    Inversion,
    Jacobian,
    Ordinary,
)


def operations_of(module: Loaded, shape: Shape) -> int:
    """Operations of a module's forward pass for one image or feature of this shape."""
    empty = build_architecture(architecture_of(module), "meta").eval()
    with torch.no_grad(), FlopCounter() as counter:
        empty(torch.empty((1, *shape), device="meta"))
    return counter.total


def fit_operations(
    edge: Edge,
    spec: Adapter,
    adapter: nn.Sequential,
    images: int = 0,
    labelled: bool = False,
    own: Loaded | None = None,
) -> int:
    """About how many operations the fit of an adapter takes.

    Args:
        edge: between which it was fitted.
        spec: its method and settings.
        adapter: as it was fitted.
        images: how many were given.
        labelled: whether with labels.
        own: the category module under g_T, where it is not the edge's.
    """
    return _Count(edge, spec, adapter, (images, labelled), own).total()


class _Count:
    def __init__(
        self, edge: Edge, spec: Adapter, adapter: nn.Sequential, given: tuple[int, bool], own: Loaded | None
    ) -> None:
        self._edge, self._spec, self._adapter = edge, spec, adapter
        self._images, self._labelled = given
        image = edge.input.shape if edge.input is not None else None
        below = own if own is not None else edge.category_module
        self._bridged = own is not None
        self._source = edge.source if own is None or image is None else _shape(own, image)
        self._f = 0 if image is None else operations_of(below, image)
        self._kept_f = 0 if image is None else operations_of(edge.category_module, image)
        self._g, self._teacher = (
            operations_of(edge.task_module, edge.target),
            operations_of(edge.teacher_module, self._source),
        )
        self._h = operations_of(adapter, edge.source)

    def total(self) -> int:
        """Of the method, and of matching at the image where there is any."""
        found = self._method()
        if not self._bridged:
            return found
        made = 0 if self._images >= bridge.FEW else bridge.SYNTHESISED
        rows = prod(self._source[1:]) * (self._images + made)
        unknown = self._edge.source[0] * bridge.KERNEL**2 + 1
        solved = 2 * rows * unknown * (unknown + self._source[0])
        through = self._kept_f + self._h + self._g
        steps = bridge.STEPS * bridge.BATCH * (6 * through + 2 * (self._f + self._teacher))
        return found + self._inverted(made) + solved + steps

    def _method(self) -> int:
        settings, images = self._spec.settings, self._images
        if isinstance(settings, ClosedForm):
            known = self._drawn(SYNTHESISED) + images * self._f if settings.matching else 0
            if settings.masks == "imagined":
                known += self._imagined(start.IMAGINED) + (start.IMAGINED + images) * self._teacher
            return self._closed(settings.draws) + known + settings.matching * matching.BATCH * self._step
        if isinstance(settings, BackDistillation):
            once = self._g + self._teacher + 3 * self._h + (self._step if self._labelled else 0)
            return settings.steps * settings.batch * once
        if isinstance(settings, Auto):
            return self._auto(settings)
        if isinstance(settings, Inversion):
            known = self._inverted(settings.images) + settings.images * self._f
            return known + settings.steps * settings.batch * self._matched(settings.weight)
        seen, batch = images * self._f, min(settings.batch, images)
        if isinstance(settings, Jacobian):
            return seen + settings.steps * batch * self._matched(settings.weight)
        if isinstance(settings, Distillation):
            seen += images * self._teacher
        assert isinstance(settings, Ordinary | Distillation)  # noqa: S101 - there are no others
        return seen + settings.steps * batch * self._step

    def _auto(self, settings: Auto) -> int:
        imagined = self._imagined(settings.imagined)
        if not imagined and not self._images:
            return self._closed(settings.start.draws)
        steps = round(settings.steps * min(auto.MOST, 1 + self._images / auto.MANY))
        batch = auto.BATCH + (auto.BATCH // 2 if self._labelled else 0)
        calibrated = auto.CALIBRATION[0] * auto.BATCH * (self._step - self._h)  # of biases alone
        learned = auto.JOINED * self._teacher + calibrated + steps * batch * self._step
        return self._closed(settings.start.draws) + imagined + learned

    def _imagined(self, count: int) -> int:
        """Features of both kinds, half of each; nothing where neither can be made."""
        drawn = count // 2 if self._edge.statistics is not None else 0
        inverted = count - count // 2 if self._edge.input is not None else 0
        return self._drawn(drawn) + self._inverted(inverted)

    @property
    def _step(self) -> int:
        """One image of a step that trains h below g_S."""
        return 2 * self._g + 3 * self._h

    def _matched(self, weight: float) -> int:
        """One image of a step that matches outputs, and gradients too if these have a weight."""
        if not weight:
            return self._step + self._teacher
        return 5 * self._g + 6 * self._h + 2 * self._teacher

    def _drawn(self, features: int) -> int:
        return features * activity.STEPS * 2 * self._teacher if self._edge.statistics is not None else 0

    def _inverted(self, images: int) -> int:
        steps = inversion.STEPS if self._edge.statistics is not None else 0
        return images * (self._f + steps * 2 * (self._f + self._teacher))

    def _closed(self, draws: int) -> int:
        """Nothing where a module has no pullback, and so no closed form."""
        edge, once = self._edge, self._g + self._teacher + self._h
        try:
            pulls = pullback(edge.task_module, edge.target), pullback(edge.teacher_module, self._source)
        except DistillError:
            return 0
        return closed_form_operations(self._adapter, *pulls, once, draws)


def closed_form_operations(
    adapter: nn.Sequential, student: AnyPullback, teacher: AnyPullback, once: int, draws: int
) -> int:
    """About how many operations the closed form takes: pullbacks, normal equations, and their solution.

    Args:
        adapter: that is solved for.
        student: pullback of g_S.
        teacher: pullback of g_T.
        once: operations of one pass through g_S, g_T and the adapter; a pullback takes as many.
        draws: for the normal equations; those for the residual come on top.
    """
    pulled = (draws + checked(draws)) * once
    return pulled + solving_operations(adapter, student, teacher, draws)


def _shape(module: Loaded, image: Shape) -> Shape:
    empty = build_architecture(architecture_of(module), "meta").eval()
    with torch.no_grad():
        return tuple(empty(torch.empty((1, *image), device="meta")).shape[1:])
