"""About how many operations a fit takes: two for each multiplication with its addition. Needs no torch.

Counted from what one image costs each module and from how often a method computes it: before a fit, to plan
it, and after one, to note it; not while it computes, which would slow it down. A backward pass through a
frozen module costs as much as a forward pass, through a trained one twice as much. What is small beside
that, such as judging on held-out features, is left out, and so is what only a fit finds out: that an exact
start needs no refinement, or that two modules have no common base, so that it learns in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from legonet.blocks.adapter_layers import BRIDGE_KERNEL, adapter_layers, bridge_layers
from legonet.distill import amounts
from legonet.distill.amounts import checked, windows_read
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
from legonet.ir.notation import AdaptiveAvgPool, Conv, Layer, Upsample
from legonet.ir.sizes import Shape, Size, chain_operations


class Joined(NamedTuple):
    """What an adapter is fitted between, as far as its operations depend on it.

    Attributes:
        category_module: f, of one image.
        task_module: g_S, of one feature that it takes.
        teacher_module: g_T, likewise.
        target: shape of the features that g_S takes.
        own: f', the category module under g_T, where it is not f: the two are matched at the image.
        same: g_T is g_S, so that nothing stands above that match.
        statistics: the teacher's owner recorded them.
    """

    category_module: Size
    task_module: Size
    teacher_module: Size
    target: Shape
    own: Size | None = None
    same: bool = False
    statistics: bool = False


def fit_operations(joined: Joined, spec: Adapter, images: int = 0, labelled: bool = False) -> int:
    """About how many operations the fit of an adapter takes.

    Args:
        joined: between which it is fitted.
        spec: its shape, its method and settings.
        images: how many are given.
        labelled: whether with labels.

    Raises:
        BlockError: no adapter joins the two.
    """
    return _Count(joined, spec, images, labelled).total()


class _Count:
    def __init__(self, joined: Joined, spec: Adapter, images: int, labelled: bool) -> None:
        self._joined, self._spec, self._images, self._labelled = joined, spec, images, labelled
        below = joined.own or joined.category_module
        self._source, self._f = below.gives, below.operations
        self._g, self._teacher = joined.task_module.operations, joined.teacher_module.operations
        none = joined.own is not None and joined.same
        self._layers = {} if none else adapter_layers(spec, self._source, joined.target)
        self._h = chain_operations(self._layers, self._source)

    def total(self) -> int:
        """Of the method, and of matching at the image where there is any."""
        if self._joined.own is None:
            return self._method()
        return self._matched_at_image() + (self._method() if self._layers else 0)

    def _matched_at_image(self) -> int:
        source, own = self._joined.category_module.gives, self._source
        bridge = chain_operations(bridge_layers(source, own), source)
        kept_f, synthesised = self._joined.category_module.operations, amounts.BRIDGE_SYNTHESISED
        unknown = source[0] * BRIDGE_KERNEL**2 + 1
        solved = 2 * prod(own[1:]) * (self._images + synthesised) * unknown * (unknown + own[0])
        beside = 2 * amounts.INVERSION_STEPS * (kept_f + bridge + self._teacher)
        moved = self._inverted(synthesised) + (synthesised * beside if self._joined.statistics else 0)
        seen = self._images + 2 * synthesised + amounts.BRIDGE_JOINED
        answered = seen * (kept_f + self._f + self._teacher)
        steps = amounts.BRIDGE_STEPS * amounts.BRIDGE_BATCH * (self._step + 3 * bridge)
        return solved + moved + answered + steps

    def _method(self) -> int:
        settings, images = self._spec.settings, self._images
        if isinstance(settings, ClosedForm):
            known = images * self._f if settings.matching else 0
            known += self._drawn(amounts.MATCHING_SYNTHESISED) if settings.matching else 0
            if settings.masks == "imagined":
                known += self._imagined(amounts.START_IMAGINED)
                known += (amounts.START_IMAGINED + images) * self._teacher
            matched = settings.matching * amounts.MATCHING_BATCH * self._step
            return self._closed(settings.draws) + known + matched
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
        steps = round(settings.steps * min(amounts.AUTO_MOST, 1 + self._images / amounts.AUTO_MANY))
        batch = amounts.AUTO_BATCH + (amounts.AUTO_BATCH // 2 if self._labelled else 0)
        calibrated = amounts.AUTO_CALIBRATION * amounts.AUTO_BATCH * (self._step - self._h)  # biases alone
        learned = amounts.AUTO_JOINED * self._teacher + calibrated + steps * batch * self._step
        return self._closed(settings.start.draws) + self._imagined(settings.imagined) + learned

    def _imagined(self, count: int) -> int:
        """Features of both kinds, half of each."""
        return self._drawn(count // 2) + self._inverted(count - count // 2)

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
        return features * amounts.ACTIVITY_STEPS * 2 * self._teacher if self._joined.statistics else 0

    def _inverted(self, images: int) -> int:
        steps = amounts.INVERSION_STEPS if self._joined.statistics else 0
        return images * (self._f + steps * 2 * (self._f + self._teacher))

    def _closed(self, draws: int) -> int:
        windows = {self._joined.task_module.window, self._joined.teacher_module.window}
        return closed_form_operations(self._layers, self._source, self._g + self._teacher, draws, windows)


def closed_form_operations(
    adapter: Mapping[str, Layer], source: Shape, once: int, draws: int, windows: set[int]
) -> int:
    """About how many operations the closed form takes: pullbacks, normal equations, and their solution.

    Args:
        adapter: that is solved for.
        source: shape of the features that it takes.
        once: operations of one pass through g_S and g_T; a pullback takes as many.
        draws: for the normal equations; those for the residual come on top.
        windows: of the poolings that g_S and g_T begin with.
    """
    first = next(each for each in adapter.values() if isinstance(each, Conv))
    resampled = any(isinstance(each, AdaptiveAvgPool | Upsample) for each in adapter.values())
    window = 1 if resampled or len(windows) > 1 else next(iter(windows))
    kernel, taken = first.kernel[0], first.in_channels
    read, unknown = first.out_channels * windows_read(kernel, window) ** 2, first.out_channels * kernel**2
    rows = draws * prod(source[1:]) // window**2
    block = amounts.GRAM_BLOCK
    gram = sum(min(block, read - begin) * (read - begin) for begin in range(0, read, block))
    solved = 2 * rows * (gram + read * taken) + unknown**3 // 3 + 2 * unknown**2 * taken
    lowest = 2 * prod(source[1:]) * unknown * taken  # what it solves for is only pulled through to be checked
    above = chain_operations(adapter, source) - lowest
    return (draws + checked(draws)) * (once + above) + checked(draws) * lowest + solved
