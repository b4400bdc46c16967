"""Selected paths of a transplant network as one nn.Module: images in, outputs out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from legonet.compile.build import Place
from legonet.compile.check_images import image_problem
from legonet.compile.engine import make_engine
from legonet.compile.explain import Explanation, explain
from legonet.compile.named_modules import NamedModules
from legonet.compile.options import Running
from legonet.compile.photos import Photos
from legonet.compile.program import IMAGES, Program
from legonet.compile.schedule import (
    ScheduledCall,
    Stack,
    find_landings,
    find_module,
    member,
    run_schedule,
    schedule,
    straight,
)
from legonet.compile.shown import compiled_html
from legonet.compile.signature import Signature
from legonet.errors import DataError
from legonet.graph.result import Result
from legonet.graph.suggest import listed
from legonet.ir.interpreter import GraphModule

if TYPE_CHECKING:
    from legonet.compile.predict import Predictions
    from legonet.data.photos import Images
    from legonet.progress import Auto

SIZES = ("height", "width")  # of photos, which may have any

_BY_HAND = "found a network joined by hand; expected one that net.compile gave; compile it so"


@dataclass(frozen=True)
class CompiledPath:
    """One path of a compiled network: a native one has no adapter."""

    category: str
    task: str
    native: bool

    @property
    def name(self) -> str:
        """`category:task`."""
        return f"{self.category}:{self.task}"


class CompiledNetwork(nn.Module):
    """Some paths of a transplant network, run as a program says.

    `categories`, `adapters` and `tasks` hold the modules by name; `stems` what several of them begin with.
    In training mode the adapters alone are in it: category and task modules are frozen.

    Args:
        paths: The paths, in the order of the outputs.
        input_stage: The module that normalises images.
        trace: The naive program, called `none`, and what each pass made of it; the last one runs.
        modules: Modules by kind and name.
        places: The module that each call of the program runs.
        running: Where the modules are, and how they are run.
        input_shape: The shape of the images, (channels, height, width), if it is known.
        photos: How photos of any size become images; None: they have the size already.

    Attributes:
        program: The program that runs: which modules, in which order, and on what.
        runs: The calls of the program, with what is known of them beforehand.
        signature: What images and outputs mean, if `Network.compile` made it.
        inputs: The categories whose images it takes by name; empty if all see the same.
    """

    def __init__(
        self,
        paths: tuple[CompiledPath, ...],
        input_stage: GraphModule,
        trace: Mapping[str, Program],
        modules: Mapping[Place, nn.Module],
        places: Mapping[str, Place],
        running: Running | None = None,
        input_shape: tuple[int, ...] | None = None,
        photos: Photos | None = None,
    ) -> None:
        super().__init__()
        self.paths = paths
        self.trace = dict(trace)
        self.program = list(self.trace.values())[-1]
        self.running = running or Running()
        self.input_shape = input_shape
        self.photos = photos
        self.resizes = NamedModules({} if photos is None else photos.resizes())
        self.endings = NamedModules({} if photos is None else photos.endings())
        self.signature: Signature | None = None
        self.runs: tuple[ScheduledCall, ...] = schedule(self.program, places)
        sources = dict.fromkeys(ref.call for run in self.runs for ref in run.reads)
        prefix = f"{IMAGES}."
        self.inputs = [name.removeprefix(prefix) for name in sources if name.startswith(prefix)]
        self.input = modules.get(("input", ""), input_stage)

        def bricks(kind: str) -> NamedModules:
            return NamedModules({name: module for (each, name), module in modules.items() if each == kind})

        self.normalise, self.stems = bricks("normalise"), bricks("stems")
        self.categories = bricks("categories")
        self.adapters, self.tasks = bricks("adapters"), bricks("tasks")
        self._settle()

    def _settle(self) -> None:
        """Look up once what every call needs; again whenever modules were moved or copied."""
        self._steps = tuple((run, find_module(self, run.place)) for run in self.runs)
        found = [each for each in chain(self.parameters(), self.buffers()) if each.is_floating_point()]
        places = dict.fromkeys(each.device for each in found)
        if len(places) == 1:  # such as after `to`
            self.running = replace(self.running, devices=tuple(places))
        plain = len(places) <= 1 and all(each.dtype == torch.float32 for each in found)
        self._landings = None if plain else find_landings(self._steps)
        self._engine = make_engine(self._compute, self.running, self._frozen)
        # A single line of modules needs no names; what is run otherwise than as it stands does.
        line = plain and self._engine == self._compute and straight(self.runs, self.program.outputs)
        self._line = tuple(module for _, module in self._steps) if line else None

    def _frozen(self) -> bool:
        return not any(each.requires_grad for each in self.parameters())

    def _apply(self, fn: Any, recurse: bool = True) -> CompiledNetwork:
        super()._apply(fn, recurse)
        self._settle()
        return self

    def __getstate__(self) -> dict[str, Any]:
        """All but what `_settle` finds again."""
        found = {"_steps", "_landings", "_engine", "_line"}
        return {name: value for name, value in self.__dict__.items() if name not in found}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._settle()

    def train(self, mode: bool = True) -> CompiledNetwork:
        """Set the mode of the adapters; all else is frozen and stays in evaluation mode.

        Args:
            mode: Whether it is training.

        Returns:
            The network itself.
        """
        super().train(False)
        self.training = mode
        self.adapters.train(mode)
        return self

    def forward(self, images: Tensor | Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """Run all paths.

        Args:
            images: Photos (batch, channels, height, width) in [0, 1], of any size, of which each category's
                images are made; a dict of them by category, if it was compiled with `separate_inputs`.

        Returns:
            The output of a single path, or a dict of several paths' outputs. Masks and maps are in the
            photos' own pixels.

        Raises:
            DataError: The images have another shape, dtype or device, or are given in another way.
        """
        if self._line is not None and isinstance(images, Tensor) and not self.inputs:
            (value,) = self._images({IMAGES: images}).values()
            try:
                for module in self._line:
                    value = module(value)
            except RuntimeError as error:
                self._blame({IMAGES: images}, error)
                raise
            path = self.paths[0].name
            return self.endings[path](value, images) if len(self.endings) else value
        outputs = self.by_path(images)
        return outputs[self.paths[0].name] if len(self.paths) == 1 else outputs

    def by_path(self, images: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run all paths, and give a dict also for a single one.

        Args:
            images: Images, as for `forward`.

        Returns:
            The outputs by path.

        Raises:
            DataError: The images have another shape, dtype or device, or are given in another way.
        """
        given = self._inputs(images)
        images_of = self._images(given)
        try:
            outputs = self._engine(images_of)
        except RuntimeError as error:
            self._blame(given, error)
            raise
        for path in self.endings:
            photo = given.get(f"{IMAGES}.{path.partition(':')[0]}") if self.inputs else given[IMAGES]
            outputs[path] = self.endings[path](outputs[path], photo)
        return outputs

    def _images(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What category modules see, by its name in the program, of the photos given."""
        for name, photos in given.items():
            self._expect_images(name, photos)
        if self.photos is None:
            return {name: self._laid_out(photos) for name, photos in given.items()}
        return {
            name: self._laid_out(self.resizes[name](given[name] if self.inputs else given[IMAGES]))
            for name in self.resizes
        }

    def _expect_images(self, name: str, photos: Tensor) -> None:
        """Refuse what would be computed, but with no sense."""
        shape = self.input_shape
        if shape is None:
            return
        if photos.ndim != 4 or not photos.is_floating_point() or not self._fits(photos.shape[1], shape[0]):
            self._blame({name: photos}, None)

    def _fits(self, given: int, wanted: int) -> bool:
        """Whether photos have channels that images can be made of."""
        return given == wanted or (self.photos is not None and {given, wanted} == {1, 3})

    def _laid_out(self, images: Tensor) -> Tensor:
        """As convolutions take them."""
        return images.contiguous(memory_format=self.running.memory_format) if images.ndim == 4 else images

    def _blame(self, given: Mapping[str, Tensor], error: RuntimeError | None) -> None:
        """Say what is wrong with the images, if anything is.

        Raises:
            DataError: Something is.
        """
        first = None if self._landings else next(chain(self.input.buffers(), self.parameters()), None)
        for name, images in given.items():
            shape: tuple[int | str, ...] | None = self.input_shape
            if shape is not None and self.photos is not None:
                shape = (images.shape[1], *SIZES) if self._any_size(images) else (shape[0], *SIZES)
            wrong = None if shape is None else image_problem(images, shape, first, name)
            if wrong:
                raise DataError(wrong) from error

    def _any_size(self, images: Tensor) -> bool:
        """Whether photos can be resized to images."""
        return images.ndim == 4 and self._fits(images.shape[1], (self.input_shape or (0,))[0])

    def _compute(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        values: dict[str, Tensor | Stack] = dict(given)
        run_schedule(self._steps, values, self._landings)
        outputs = {path: member(values, ref) for path, ref in self.program.outputs.items()}
        if self.running.dtype != torch.float32:
            outputs = {path: value.float() for path, value in outputs.items()}
        return outputs

    def warm_up(self, *batches: int) -> float:
        """Run once on black images, so that what is done for each new shape of images is done.

        That is what torch.compile and CUDA graphs need; libraries choose their algorithms then, too.

        Args:
            batches: Each number of images that will be given at once; default: 1.

        Returns:
            How many seconds it took.

        Raises:
            DataError: The shape of images is not known, since the network was joined by hand.
        """
        if self.input_shape is None:
            raise DataError(f"warm_up: {_BY_HAND}")
        begin = time.perf_counter()
        with torch.inference_mode():
            for batch in batches or (1,):
                images = torch.zeros(batch, *self.input_shape, device=self.running.devices[0])
                self(dict.fromkeys(self.inputs, images) if self.inputs else images)
        return time.perf_counter() - begin

    def results(self, images: Tensor | Mapping[str, Tensor]) -> dict[str, list[Result]]:
        """Run all paths, without gradients, and say what each image's output means.

        Args:
            images: Images, as for `forward`.

        Returns:
            By path, a result for each image, such as a `Score`, a `Mask` or `Numbers`.

        Raises:
            DataError: The network was joined by hand, so that nobody knows what its outputs mean.
        """
        if self.signature is None:
            raise DataError(f"results: {_BY_HAND}")
        with torch.no_grad():
            outputs = self.by_path(images)
        signatures = self.signature.outputs
        return {
            path: [signatures[path].meaning.read(each, signatures[path].category) for each in value.cpu()]
            for path, value in outputs.items()
        }

    def predict(self, images: Images, *, batch: int = 32, progress: Auto | None = "auto") -> Predictions:
        """Say what is on images, whatever they come as; see `Network.predict`.

        Args:
            images: A file, a folder, a PIL image, an array or tensor, or an iterable of these.
            batch: How many images are computed together.
            progress: `auto` shows how far it is; None shows nothing.

        Returns:
            A prediction for each image.

        Raises:
            DataError: There is no image, or one that was named cannot be used.
        """
        from legonet.compile.predict import predict

        return predict(self, images, batch, progress)

    def explain(self, input_shape: tuple[int, ...] | None = None) -> Explanation:
        """Say what was merged and folded, and what that saved in calls, layers, operations and weights.

        Args:
            input_shape: The shape of an image, (channels, height, width); default: the network's.

        Returns:
            A table and a list to print; `data()` gives it as plain data.

        Raises:
            DataError: The shape is not given, and the network was joined by hand.
        """
        shapes = None if self.photos is None else self.photos.shapes
        shape = input_shape or shapes or self.input_shape
        if shape is None:
            raise DataError("input_shape: not given; expected (channels, height, width) of an image; give it")
        return explain(self.trace, shape, self.running)

    _repr_html_ = compiled_html

    def _inputs(self, images: Tensor | Mapping[str, Tensor]) -> dict[str, Tensor]:
        if isinstance(images, Tensor):
            if self.separate_inputs:
                raise DataError(
                    f"images: found one batch; expected a dict of batches for {listed(self.inputs)}, "
                    "since this network was compiled with separate_inputs; give one, or compile without"
                )
            return {IMAGES: images}
        if not self.separate_inputs:
            raise DataError(
                f"images: found {type(images).__name__}; expected a tensor (batch, channels, height, width); "
                "for images by category compile with separate_inputs=True"
            )
        lacking = [name for name in self.inputs if name not in images]
        if lacking or len(images) != len(self.inputs):
            raise DataError(
                f"images: found a dict of {listed(list(images))}; expected one batch for each of "
                f"{listed(self.inputs)}"
            )
        return {f"{IMAGES}.{name}": images[name] for name in self.inputs}

    @property
    def separate_inputs(self) -> bool:
        """Whether each category has images of its own."""
        return bool(self.inputs)
