"""What a smaller or faster form gains and costs, beside the plain one: bytes, time, how alike they decide."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from legonet.compile.network import CompiledNetwork
from legonet.data.photos import Images, find_photos
from legonet.distill.fitting.losses import output_scale
from legonet.errors import DataError, ExportError

NOISE = 64  # images, where none are given
TOGETHER = 32
RUNS = 30

Run = Callable[[Tensor], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Beside:
    """A form beside the plain one.

    Attributes:
        plain_size: Bytes of the plain one.
        milliseconds: That an image of the network's size takes, by itself: the least of some runs.
        plain_milliseconds: The same of the plain one; both take turns.
        images: How many images both were compared on.
        given: Whether somebody gave them; else they were noise.
        agreement: By path, the part of the images, or of their pixels or numbers, that both decide alike.
        difference: The largest difference of any output, as a share of the largest output, or of 1, which a
            box counts that one of them lacks.
    """

    plain_size: int
    milliseconds: float
    plain_milliseconds: float
    images: int
    given: bool
    agreement: Mapping[str, float] = field(default_factory=dict)
    difference: float = 0.0

    def data(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "plain_bytes": self.plain_size,
            "milliseconds": self.milliseconds,
            "plain_milliseconds": self.plain_milliseconds,
            "images": self.images if self.given else f"{self.images} of noise",
            "agreement": dict(self.agreement),
        }

    def __str__(self) -> str:
        lines = [
            f"beside the plain form: {self.plain_size / 2**10:,.0f} KiB; an image takes "
            f"{self.milliseconds:.2f} ms, and {self.plain_milliseconds:.2f} ms there"
        ]
        on = f"{self.images} image{'s' * (self.images != 1)}{'' if self.given else ' of noise'}"
        lines += [f"  {path}: decides alike on {share:.2%} of {on}" for path, share in self.agreement.items()]
        return "\n".join(lines)


def weigh(run: Run, plain: Run, plain_size: int, network: CompiledNetwork, images: Images | None) -> Beside:
    """Compare a form with the plain one.

    Args:
        run: The form.
        plain: The plain one.
        plain_size: Its bytes.
        network: What both were made of.
        images: What they are compared on; None: noise.

    Raises:
        DataError: There is no image, or one cannot be used.
        ExportError: An output is no number.
    """
    assert network.signature is not None  # noqa: S101 - `export` asks for one
    given = _images(network, images)
    found, wanted = _outputs(run, given), _outputs(plain, given)
    agreement, difference = {}, 0.0
    for path, value in wanted.items():
        meaning = network.signature.outputs[path].meaning
        apart = meaning.apart(found[path], value)
        if not found[path].isfinite().all():
            raise ExportError(
                f"{path}: found outputs that are NaN or infinite; expected finite ones; leave int8 out, and "
                "report it"
            )
        difference = max(difference, min(apart, 1.0) if math.isinf(apart) else apart)
        agreement[path] = float(meaning.alike(found[path], value, output_scale(value)).mean())
    one = given[:1]
    fast, slow = _milliseconds((lambda: run(one), lambda: plain(one)))
    return Beside(plain_size, fast, slow, len(given), images is not None, agreement, difference)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(each.stat().st_size for each in [path, *path.rglob("*")] if each.is_file())


def _images(network: CompiledNetwork, images: Images | None) -> Tensor:
    """Images of the network's own size."""
    shape = network.input_shape or (1, 1, 1)
    if images is None:
        return torch.rand(NOISE, *shape, generator=torch.Generator().manual_seed(0))
    assert network.signature is not None  # noqa: S101 - as above
    image = network.signature.image

    def refuse(error: DataError) -> None:
        raise error

    found = [photo.values(image) for photo in find_photos(images, refuse)] if image is not None else []
    if not found:
        raise DataError("images: found none; expected at least one; give some")
    return torch.stack(found)


def _outputs(run: Run, images: Tensor) -> dict[str, Tensor]:
    parts = [run(each) for each in images.split(TOGETHER)]
    return {path: torch.cat([part[path] for part in parts]) for path in parts[0]}


def _milliseconds(runs: Sequence[Callable[[], object]]) -> list[float]:
    """The least time of each; they take turns, so that all see the same machine."""
    best = [math.inf] * len(runs)
    with torch.no_grad():
        for _ in range(RUNS):
            for index, run in enumerate(runs):
                begin = time.perf_counter()
                run()
                best[index] = min(best[index], 1000 * (time.perf_counter() - begin))
    return best
