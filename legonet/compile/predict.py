"""Runs images through a compiled network, whatever they come as, and says what the outputs mean."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import torch
from PIL import Image
from torch import Tensor

from legonet.data.photos import Images, Photo, find_photos, how_many
from legonet.data.pictures import check_shape
from legonet.errors import DataError, LegonetWarning, SelectError
from legonet.graph.result import Result
from legonet.graph.suggest import did_you_mean, listed
from legonet.notebook import escape, page, picture, table, title
from legonet.progress import Auto, open_bars
from legonet.tables import columns

if TYPE_CHECKING:
    from legonet.compile.network import CompiledNetwork

BATCH = 32
MOST = 50_000_000  # numbers of a batch of large photos
SHOWN = 24  # images that a notebook shows
LISTED = 60  # rows that are printed


@dataclass(frozen=True, repr=False)
class Prediction:
    """What some paths say of one image; printed, a line for each path.

    Attributes:
        name: The image's file, or its number among those that were given, such as `image 0`.
        results: What each path says, by path: such as a `Score`, a `Mask` or `Numbers`.
        photo: The image as it was given.
    """

    name: str
    results: Mapping[str, Result]
    photo: Photo = field(repr=False)

    def __getitem__(self, path: str) -> Result:
        if path not in self.results:
            raise SelectError(
                f"{self.name}: no result of '{path}'; there are those of {listed(list(self.results))}; name "
                f"one of them.{did_you_mean(path, self.results)}"
            )
        return self.results[path]

    @property
    def result(self) -> Result:
        """What the only path says.

        Raises:
            SelectError: There are several paths.
        """
        if len(self.results) != 1:
            raise SelectError(
                f"{self.name}: found results of {listed(list(self.results))}; expected those of one path; "
                "ask by its name, such as prediction['cat:classify']"
            )
        return next(iter(self.results.values()))

    def draw(self, *paths: str) -> Image.Image:
        """Draw what paths say over the image, at its own size; masks can be drawn, labels cannot.

        Args:
            paths: The paths that are drawn; default: all of them.

        Returns:
            A picture in RGB; the image itself where there is nothing to draw.

        Raises:
            SelectError: There is no result of such a path.
            DataError: The image's file cannot be read any more.
        """
        drawn = self.photo.picture()
        for path in paths or self.results:
            drawn = self[path].overlay(drawn) or drawn
        return drawn

    def data(self) -> list[dict[str, Any]]:
        """Give it as plain data, a row for each path, as `legonet predict --jsonl` prints it."""
        return [{"image": self.name, "path": path, **each.data()} for path, each in self.results.items()]

    def __repr__(self) -> str:
        return "\n".join(columns(self.rows()))

    def rows(self) -> list[tuple[str, str, str]]:
        """Give image, path and what it says, for each path."""
        return [(self.name, path, each.text()) for path, each in self.results.items()]

    def _repr_html_(self) -> str:
        return page(self._html())

    def _html(self) -> str:
        said = "".join(
            f'<p><span class="soft">{escape(path)}</span><br>{each.html()}</p>'
            for path, each in self.results.items()
        )
        try:
            shown = picture(self.draw())
        except DataError:  # its file is gone by now
            shown = ""
        return f'<div class="photo">{shown}<p class="title">{escape(self.name)}</p>{said}</div>'


@dataclass(frozen=True, repr=False)
class Predictions(Sequence[Prediction]):
    """What some paths say of some images: a sequence of `Prediction`; printed, a table.

    `predictions["cat:classify"]` gives the results of one path.

    Attributes:
        images: The prediction of each image, in the order in which they were given.
        problems: Why images that were found in folders could not be read.
    """

    images: tuple[Prediction, ...]
    problems: tuple[DataError, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Predictions: ...
    @overload
    def __getitem__(self, index: str) -> tuple[Result, ...]: ...
    def __getitem__(self, index: int | slice | str) -> Prediction | Predictions | tuple[Result, ...]:
        if isinstance(index, str):
            return tuple(each[index] for each in self.images)
        if isinstance(index, slice):
            return Predictions(self.images[index], self.problems)
        return self.images[index]

    def __len__(self) -> int:
        return len(self.images)

    def data(self) -> list[dict[str, Any]]:
        """Give them as plain data, a row for each image and path."""
        return [row for each in self.images for row in each.data()]

    def __repr__(self) -> str:
        rows = [row for each in self.images for row in each.rows()]
        lines = columns([("image", "path", "result"), *rows[:LISTED]])
        if len(rows) > LISTED:
            lines.append(f"… and {len(rows) - LISTED:,} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = "".join(each._html() for each in self.images[:SHOWN])
        more = len(self.images) - SHOWN
        rows = [row for each in self.images[SHOWN : SHOWN + LISTED] for row in each.rows()]
        said = f"{len(self.images):,} images" if len(self.images) != 1 else "1 image"
        return page(
            title(said, f"{len(self.problems)} could not be read" if self.problems else ""),
            f'<div class="photos">{shown}</div>',
            table(("image", "path", "result"), rows) if more > 0 else "",
            f'<p class="soft">and {more - LISTED:,} more</p>' if more > LISTED else "",
        )


def predict(
    network: CompiledNetwork, images: Images, batch: int = BATCH, progress: Auto | None = "auto"
) -> Predictions:
    """Run images through all paths; see `legonet.compile.network.CompiledNetwork.predict`."""
    problems: list[DataError] = []

    def tell(error: DataError, photo: Photo | None = None) -> None:
        if photo is not None and photo.named:
            raise error
        problems.append(error)

    total, found = how_many(images), list[Prediction]()
    with open_bars(progress) as bars:
        for each in predict_each(network, find_photos(images, tell), batch, tell):
            found.append(each)
            bars.show("images", "predicting images", total=total, done=len(found) + len(problems))
    if not found:
        raise problems[0] if problems else DataError("images: found none; expected at least one; give some")
    for error in problems:
        warnings.warn(f"not predicted: {error}", LegonetWarning, stacklevel=3)
    return Predictions(tuple(found), tuple(problems))


def predict_each(
    network: CompiledNetwork,
    photos: Iterable[Photo],
    batch: int,
    tell: Callable[[DataError, Photo], None],
) -> Iterator[Prediction]:
    """Run images through all paths as they come, so many at a time.

    Args:
        network: The network, which `Network.compile` made.
        photos: The images.
        batch: How many are computed together; photos of other sizes, and large ones, are fewer.
        tell: Called with the error where an image cannot be read; the others go on.

    Yields:
        Predictions, in the order of the images.

    Raises:
        DataError: The network was joined by hand, or takes images by category; or `batch` is below 1.
    """
    if network.input_shape is None or network.separate_inputs:
        raise DataError(
            f"predict: found a network {'for images by category' if network.inputs else 'joined by hand'}; "
            "expected one for images that net.compile gave; compile it so"
        )
    if batch < 1:
        raise DataError(f"batch: found {batch}; expected 1 or more; correct it")
    channels = check_shape(network.input_shape)[0]

    def predicted(held: list[tuple[Photo, Tensor]]) -> Iterator[Prediction]:
        for (photo, _), results in zip(held, results_of(network, [each for _, each in held]), strict=True):
            yield Prediction(photo.name, results, photo)

    held: list[tuple[Photo, Tensor]] = []
    for photo in photos:
        try:
            pixels = photo.pixels(channels)
        except DataError as error:
            tell(error, photo)
            continue
        if held and pixels.shape != held[0][1].shape:
            yield from predicted(held)
            held = []
        held.append((photo, pixels))
        if len(held) == batch or sum(each.numel() for _, each in held) >= MOST:
            yield from predicted(held)
            held = []
    if held:
        yield from predicted(held)


def results_of(network: CompiledNetwork, pixels: Sequence[Tensor]) -> list[dict[str, Result]]:
    """Run images of one size through all paths together.

    Args:
        network: The network, which `Network.compile` made.
        pixels: The pixels of each image: float32 (channels, height, width) in [0, 1].

    Returns:
        For each image, what each path says.
    """
    results = network.results(torch.stack(list(pixels)).to(network.running.devices[0]))
    return [{path: each[index] for path, each in results.items()} for index in range(len(pixels))]
