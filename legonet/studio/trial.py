"""Tries an image on paths, beside their teachers. Needs torch."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from legonet.compile.network import CompiledNetwork
from legonet.compile.open import compile_paths, compile_teacher
from legonet.compile.options import CompileOptions
from legonet.compile.predict import predict_each
from legonet.data.photos import Photo
from legonet.errors import DataError, LegonetError
from legonet.graph.lock import dump_lock
from legonet.graph.result import Result
from legonet.store.blobs import sha256
from legonet.studio.drafted import Drafted
from legonet.studio.models.trial import PathResult, Predicted, Said

LARGEST_SIDE = 2048  # pixels of what is drawn over the photo, which the page brings to its size
MOST_TEACHERS = 64  # that are held


@dataclass(frozen=True)
class _Compiled:
    key: str
    network: CompiledNetwork


class Trial:
    """Holds what was compiled last, so that the next image takes no time."""

    def __init__(self) -> None:
        self._compiled: _Compiled | None = None
        self._teachers: dict[str, nn.Module] = {}

    def predict(self, drafted: Drafted, text: str, picture: Image.Image, paths: Sequence[str]) -> Predicted:
        """What paths and their teachers say of an image.

        Args:
            drafted: What is known of the graph.
            text: Its text.
            picture: The image.
            paths: Paths and applications; none for all that is built.

        Raises:
            LegonetError: A path is not built, or the image is none that the network takes.
        """
        network = self._network(drafted, text, paths)
        seen = _Seen(picture)

        def tell(error: DataError, photo: Photo) -> None:
            raise error

        channels = network.input_shape[0] if network.input_shape else 3
        (found,) = predict_each(network, [Photo("image", seen.pixels(channels))], 1, tell)
        return Predicted(
            width=picture.width,
            height=picture.height,
            results=tuple(
                PathResult(path=path, teacher=self._teacher(drafted, path, seen), **_said(result, seen.shown))
                for path, result in found.results.items()
            ),
        )

    def _network(self, drafted: Drafted, text: str, paths: Sequence[str]) -> CompiledNetwork:
        state = sha256(f"{text}\0{dump_lock(drafted.lock)}".encode())
        key = "\0".join((state, *paths))
        if self._compiled is None or self._compiled.key != key:
            if self._compiled is None or not self._compiled.key.startswith(state):
                self._teachers.clear()
            self._compiled = None  # not two at a time in memory
            network = compile_paths(drafted.project, drafted.lock, paths, None, None, CompileOptions())
            self._compiled = _Compiled(key, network)
        return self._compiled.network

    def _teacher(self, drafted: Drafted, path: str, seen: _Seen) -> Said | None:
        edge = drafted.by_path.get(path)
        name = None if edge is None else edge.teacher
        if name is None:
            return None
        category, task = drafted.graph.teachers[name].category, drafted.graph.teachers[name].task
        try:
            if name not in self._teachers:
                if len(self._teachers) >= MOST_TEACHERS:
                    self._teachers.clear()
                source = drafted.project.sources[name]
                self._teachers[name] = compile_teacher(drafted.graph, source, "cpu")
            values = seen.pixels(drafted.graph.input_of(category).shape[0])
            with torch.no_grad():
                output = self._teachers[name](values[None])[0]
        except LegonetError:  # its files are gone; the path is there without it
            return None
        meaning, label = drafted.graph.tasks[task].output, drafted.graph.categories[category].label
        return Said(**_said(meaning.read(output, label or category), seen.shown))


class _Seen:
    """An image that many look at: its pixels are made once.

    Args:
        picture: The image.
    """

    def __init__(self, picture: Image.Image) -> None:
        self._picture = picture
        self._pixels: dict[int, Tensor] = {}
        shrunk = min(1.0, LARGEST_SIDE / max(picture.size))
        self.shown = max(1, round(picture.width * shrunk)), max(1, round(picture.height * shrunk))

    def pixels(self, channels: int) -> Tensor:
        """Its values (channels, height, width), in [0, 1]."""
        if channels not in self._pixels:
            self._pixels[channels] = Photo("image", self._picture).pixels(channels)
        return self._pixels[channels]


def _said(result: Result, size: tuple[int, int]) -> dict[str, Any]:
    data = result.data()
    by_the_page = data.keys() & {"boxes", "points"}  # which are sharp at any size
    return {"result": data, "text": result.text(), "mask": None if by_the_page else _drawn(result, size)}


def _drawn(result: Result, size: tuple[int, int]) -> str | None:
    layer = result.layer(size)
    if layer is None:
        return None
    file = io.BytesIO()
    layer.save(file, "PNG", compress_level=1)  # sent once, over no network
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
