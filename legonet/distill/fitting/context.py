"""What every method of fitting an adapter works with."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from legonet.distill.fitting.checkpoint import Checkpoint, DescentState
from legonet.distill.flops.meter import Meter
from legonet.distill.flops.work import Work
from legonet.distill.memory import in_parts, kept_together, together
from legonet.distill.pullback import Shape
from legonet.graph.output import Maps, Output
from legonet.graph.schema import Input
from legonet.ir.interpreter import GraphModule
from legonet.ir.several import maps_given, maps_taken
from legonet.teachers.statistics import Statistics


class StepCallback(Protocol):
    """Is told how far a fit is."""

    def __call__(
        self, step: int, steps: int, loss: float, doing: str = "", part: float | None = None, /
    ) -> None:
        """Take a step of a descent; or, with no step at all, what is done before one.

        Args:
            step: How many are done.
            steps: Of the descent.
            loss: At this step.
            doing: What is done, in words.
            part: The part that is done of the whole fit; None where nothing tells.
        """


_Module = TypeVar("_Module", bound=nn.Module)

IMAGES = 64  # that go through f together
FEATURES = 256  # that go through what stands above the cut together


@dataclass(frozen=True)
class Edge:
    """The frozen modules that an adapter is fitted between.

    Attributes:
        path: The path, `category:task`.
        category_module: f.
        task_module: g_S, the generic task module.
        teacher_module: g_T, the teacher's task part above f.
        source: The shape of f's features, (channels, height, width); g_T takes them. Where several maps
            cross, they are in a row (numbers); see `legonet.ir.several`.
        target: The shape of the features that g_S takes, likewise.
        meaning: What the output means.
        input: The images that f takes, if they are known.
        statistics: Statistics of the teacher (f and g_T), if its owner recorded them.
        generic_statistics: Statistics of the teacher that gave g_S, if its owner recorded them.
        proxies: Photos of anything that the user has, (3, height, width) in [0, 1], of any size.
    """

    path: str
    category_module: GraphModule
    task_module: GraphModule
    teacher_module: GraphModule
    source: Shape
    target: Shape
    meaning: Output
    input: Input | None = None
    statistics: Statistics | None = None
    generic_statistics: Statistics | None = None
    proxies: tuple[Tensor, ...] = ()

    @property
    def given(self) -> Maps:
        """The shapes of the maps that f gives; mostly one."""
        return maps_given(self.category_module.graph) or (self.source,)

    @property
    def taken(self) -> Maps:
        """The shapes of the maps that g_S takes."""
        return maps_taken(self.task_module.graph) or (self.target,)


@dataclass(frozen=True)
class Context:
    """One fit under way: the adapter, which the method sets in place, and everything that it may use.

    Attributes:
        edge: Names and shapes.
        category_module: f, on the device.
        adapter: h, on the device, in its random start.
        student: g_S, on the device.
        teacher: g_T, on the device.
        images: Those given, normalised, (batch, channels, height, width); None without any.
        features: f(I) of them, (batch, channels, height, width); None without any.
        labels: Their labels, if they have any.
        generator: A CPU generator; all that is random comes from it.
        device: Where to compute.
        imagined: Features that `legonet.distill.synthesis.features` made before for the same teacher;
            None: make them.
        notes: What is lacking, for people; methods add to it.
        unseen: Features of given images that are not learned from; methods that spare some add them.
        progress: Called with (step, steps, loss), and with what is done before by `tell`.
        checkpoint: Where descents leave their states; None: nowhere.
        work: The operations of the fit's parts; None where they cannot be counted.
        meter: How far the fit is, of these.
    """

    edge: Edge
    category_module: GraphModule
    adapter: GraphModule
    student: GraphModule
    teacher: GraphModule
    images: Tensor | None
    features: Tensor | None
    labels: Tensor | None
    generator: torch.Generator
    device: torch.device | str
    imagined: Tensor | None = None
    notes: list[str] = field(default_factory=list)
    unseen: list[Tensor] = field(default_factory=list)
    progress: StepCallback | None = None
    checkpoint: Checkpoint | None = None
    work: Work | None = None
    meter: Meter = field(default_factory=Meter)

    def output(self, features: Tensor) -> Tensor:
        """The path's output for features (batch, …) at the cut, to be differentiated.

        Of a batch that takes much memory, parts are computed again when their gradients are wanted.
        """
        half = torch.is_autocast_enabled(features.device.type)
        kept = self._kept * (2 if half else 1)
        return in_parts(lambda each: self.student(self.adapter(each)), features, kept)

    @cached_property
    def _kept(self) -> int:
        edge = self.edge
        return kept_together((self.adapter.graph, edge.source), (self.student.graph, edge.target))

    def begin(self, stage: Callable[[Work], tuple[float, float]]) -> None:
        """Begin a stage of the fit.

        Args:
            stage: Tells the operations of it, and of the method's stages after it.
        """
        if self.work is not None:
            self.meter.begin(*stage(self.work))

    def tell(self, doing: str, within: float = 0.0) -> None:
        """Say what is done before the steps of a descent.

        Args:
            doing: In words.
            within: The part that is done of the stage.
        """
        if self.progress:
            self.progress(0, 0, math.nan, doing, self.meter.part(within))

    def descent(self, *measured: list[float]) -> DescentState | None:
        """The state of the next descent, which draws from the generator and whose loss adds to some lists."""
        return None if self.checkpoint is None else self.checkpoint.descent(self.generator, *measured)


def frozen(module: _Module, device: torch.device | str) -> _Module:
    """The module on the device, in evaluation mode, without gradients: itself if it is so, else a copy."""
    device = torch.empty(0, device=device).device  # which of several, where it is not said
    there = all(each.device == device for each in (*module.parameters(), *module.buffers()))
    learns = any(each.requires_grad for each in module.parameters())
    if there and not learns and not any(each.training for each in module.modules()):
        return module
    return copy.deepcopy(module).to(device).eval().requires_grad_(False)


def features_of(f: nn.Module, images: Tensor) -> Tensor:
    """Give f(I) of normalised images (batch, channels, height, width), computed in batches."""
    return outputs_of(f, images, IMAGES)


def outputs_of(module: Callable[[Tensor], Tensor], inputs: Tensor, batch: int = FEATURES) -> Tensor:
    """Give a module's output for (batch, …) inputs, computed in batches, without gradients.

    Args:
        module: Whose, or a path.
        inputs: All of them.
        batch: How many go through it together, at most; fewer of large ones.
    """
    with torch.no_grad():
        return torch.cat([module(each) for each in inputs.split(together(inputs, batch))])
