"""The parts that fits are made of, counted: what a method's cost is a sum of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from legonet.distill.flops.closed_form import closed_form_operations
from legonet.distill.flops.synthesis import affordable, moved_operations, recoloured_operations
from legonet.ir.notation import Conv, Layer
from legonet.ir.sizes import Shape, Size, chain_operations

ESTIMATED = 320  # features that are synthesised to see how often both decide alike


@dataclass(frozen=True)
class Work:
    """What a fit has to work with, and the operations of its parts.

    Attributes:
        category_module: f, of one image.
        task_module: g_S, of one feature.
        teacher_module: g_T, of one feature.
        adapter: The layers of h and what they take, for each map that crosses; none where nothing is fitted.
        images: How many are given.
        labelled: Whether with labels.
        statistics: Whether the teacher's owner recorded them.
        strangers: Whether both task modules are of one architecture, and their weights are not alike.
    """

    category_module: Size
    task_module: Size
    teacher_module: Size
    adapter: Sequence[tuple[Mapping[str, Layer], Shape]]
    images: int = 0
    labelled: bool = False
    statistics: bool = False
    strangers: bool = False

    @property
    def related(self) -> bool:
        """Whether both task modules have a common base, as far as is known beforehand."""
        return self.alike and not self.strangers

    @property
    def source(self) -> Shape:
        """The shape of f's features."""
        return self.category_module.gives

    @property
    def f(self) -> int:
        """Operations of the category module for one image."""
        return self.category_module.operations

    @property
    def student(self) -> int:
        """Operations of the generic task module, g_S, for one feature."""
        return self.task_module.operations

    @property
    def teacher(self) -> int:
        """Operations of the teacher's task module, g_T, for one feature."""
        return self.teacher_module.operations

    @property
    def alike(self) -> bool:
        """Whether the ReLUs of both task modules have the same shapes; else there is no closed form."""
        return self.task_module.rectified == self.teacher_module.rectified

    @cached_property
    def h(self) -> int:
        """Operations of the adapter for one feature."""
        return sum(chain_operations(layers, source) for layers, source in self.adapter)

    @cached_property
    def trained(self) -> int:
        """One feature through h and back; no gradient is asked for below its first convolution."""
        first = (
            chain_operations(
                {"first": next(each for each in layers.values() if isinstance(each, Conv))}, source
            )
            for layers, source in self.adapter
        )
        return 3 * self.h - sum(first)

    @property
    def step(self) -> int:
        """One feature of a step that trains h below g_S."""
        return 2 * self.student + self.trained

    def step_of_gradients(self, weight: float) -> int:
        """One feature of a step that matches outputs, and gradients too if these have a weight."""
        if not weight:
            return self.step + self.teacher
        return 5 * self.student + 6 * self.h + 2 * self.teacher

    def judged(self, features: int) -> int:
        """The path's outputs on so many features, to see how near they are to the teacher's."""
        return features * (self.h + self.student)

    def inverted(self, images: int) -> int:
        """So many images that are moved until the teacher knows them, and their features."""
        moved = moved_operations(images, self.f, self.teacher) if self.statistics else 0
        return images * self.f + moved

    def synthetic(self, features: int) -> int:
        """So many features without images: half of images of anything, half drawn; all are recoloured."""
        features = self.affordable(features)
        recoloured = recoloured_operations(features, self.source) if self.statistics else 0
        return features // 2 * self.f + recoloured

    def affordable(self, features: int) -> int:
        """So many features, or as many as there is memory for."""
        return affordable(features, self.source)

    def estimated(self) -> int:
        """What the agreement on real images is estimated by, at the end of a fit."""
        features = self.affordable(ESTIMATED)
        return self.synthetic(features) + features * self.teacher + self.judged(features)

    def closed_form(self, draws: int, ridges: int = 1) -> int:
        """Least squares over so many draws, solved with so many ridges."""
        windows = {self.task_module.window, self.teacher_module.window}
        once = self.student + self.teacher
        return sum(
            closed_form_operations(layers, source, 0 if number else once, draws, windows, ridges)
            for number, (layers, source) in enumerate(self.adapter)
        )
