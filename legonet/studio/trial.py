"""Tries an image on paths, beside their teachers. Needs torch."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from legonet.compile.network import CompiledNetwork
from legonet.compile.open import compile_paths, compile_teacher
from legonet.compile.options import CompileOptions
from legonet.compile.predict import predict_each
from legonet.data.photos import Photo
from legonet.errors import DataError, LegonetError
from legonet.graph.lock import dump_lock
from legonet.graph.output import Result
from legonet.store.blobs import sha256
from legonet.studio.drafted import Drafted
from legonet.studio.models.trial import PathResult, Predicted, Said

LARGEST_SIDE = 2048  # pixels of what is drawn
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
        photo = Photo("image", picture)

        def tell(error: DataError, photo: Photo) -> None:
            raise error

        (found,) = predict_each(network, [photo], 1, tell)
        shown = photo.picture()
        return Predicted(
            width=picture.width,
            height=picture.height,
            results=tuple(
                PathResult(
                    path=path, teacher=self._teacher(drafted, path, photo, shown), **_said(result, shown)
                )
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

    def _teacher(self, drafted: Drafted, path: str, photo: Photo, shown: Image.Image) -> Said | None:
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
            values = photo.pixels(drafted.graph.input_of(category).shape[0])
            with torch.no_grad():
                output = self._teachers[name](values[None])[0]
        except LegonetError:  # its files are gone; the path is there without it
            return None
        meaning, label = drafted.graph.tasks[task].output, drafted.graph.categories[category].label
        return Said(**_said(meaning.read(output, label or category), shown))


def _said(result: Result, photo: Image.Image) -> dict[str, Any]:
    return {"result": result.data(), "text": result.text(), "mask": _drawn(result, photo.size)}


def _drawn(result: Result, size: tuple[int, int]) -> str | None:
    """What a result draws over its image, and nothing of the image: what differs on black and on white."""
    shrunk = min(1.0, LARGEST_SIDE / max(size))
    size = (max(1, round(size[0] * shrunk)), max(1, round(size[1] * shrunk)))
    black = result.overlay(Image.new("RGB", size, (0, 0, 0)))
    white = result.overlay(Image.new("RGB", size, (255, 255, 255)))
    if black is None or white is None:
        return None
    on_black, on_white = (np.asarray(each.convert("RGB")).astype(np.float32) for each in (black, white))
    alpha = np.clip(255 - (on_white - on_black).mean(axis=2), 0, 255)
    colour = np.where(alpha[..., None] > 0, on_black * 255 / np.maximum(alpha, 1)[..., None], 0)
    pixels = np.dstack([np.clip(colour, 0, 255), alpha]).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
