"""One compiled network that answers many at once. Needs torch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from legonet.compile.network import CompiledNetwork
from legonet.compile.predict import results_of
from legonet.data.photos import Photo
from legonet.data.pictures import check_shape
from legonet.errors import DataError, Problem
from legonet.graph.result import Result
from legonet.serve.answers import answer_data
from legonet.serve.batcher import Batcher, Bounds, BusyError, whole_seconds
from legonet.serve.images import Upload, read_photos, size_of
from legonet.serve.metrics import Metrics
from legonet.serve.options import NUMBERS, ServeOptions
from legonet.web.faults import FaultError

DECODERS = 2  # requests whose images are decoded at the same time: each takes memory
QUEUED_BATCHES = 4  # of the largest size, that may wait


class Service:
    """A network, its queue, and what is counted; an asynchronous context manager.

    The network is the one that it is given, for as long as it serves.

    Args:
        network: For images, which `Network.compile` made.
        options: How much is computed together, and taken in.

    Raises:
        DataError: The network was joined by hand, or takes images by category.
    """

    def __init__(self, network: CompiledNetwork, options: ServeOptions) -> None:
        if network.input_shape is None or network.signature is None or network.separate_inputs:
            raise DataError(
                f"serve: found a network {'for images by category' if network.inputs else 'joined by hand'}; "
                "expected one for images that net.compile gave; compile it so"
            )
        self.network, self.options, self.signature = network, options, network.signature
        self._channels = check_shape(network.input_shape)[0]
        self.metrics = Metrics(self.signature.name, lambda: self.batcher.waiting)
        bounds = Bounds(
            options.batch, options.wait_ms / 1000, options.queue, NUMBERS, QUEUED_BATCHES * NUMBERS
        )
        self.batcher: Batcher[Photo, Mapping[str, Result]] = Batcher(
            self._compute, size_of, self._numbers, bounds, self.metrics.batch
        )
        self._decoders = ThreadPoolExecutor(DECODERS, "legonet-decoders")

    async def __aenter__(self) -> Service:
        await asyncio.to_thread(self.network.warm_up, *{1, self.options.batch})
        await self.batcher.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.batcher.__aexit__(*error)
        self._decoders.shutdown()

    async def predict(self, uploads: Sequence[Upload], masks: bool = False) -> dict[str, Any]:
        """Say what is on some images.

        Args:
            uploads: The images, as they came.
            masks: Whether masks are answered as PNG.

        Returns:
            The answer as plain data.

        Raises:
            DataError: Some of them are no images.
            FaultError: With 429: too many wait already; with 503: the server is stopping.
        """
        loop, options = asyncio.get_running_loop(), self.options
        try:
            self.batcher.expect_room(len(uploads))  # before anything is decoded
            photos = await loop.run_in_executor(
                self._decoders, read_photos, uploads, options.pixels, options.images
            )
            results = await self.batcher(photos)
        except BusyError as busy:
            raise self._refused(busy) from busy
        return await loop.run_in_executor(self._decoders, answer_data, photos, results, masks)

    def _compute(self, photos: list[Photo]) -> list[dict[str, Result]]:
        return results_of(self.network, [each.pixels(self._channels) for each in photos])

    def _numbers(self, photo: Photo) -> int:
        height, width = size_of(photo)
        return self._channels * height * width

    def _refused(self, busy: BusyError) -> FaultError:
        headers = {"retry-after": whole_seconds(busy.seconds)}
        if busy.closing:
            problem = Problem("the server is stopping", advice="ask again: another one may have begun")
            return FaultError(503, problem, headers=headers)
        problem = Problem(
            f"{self.batcher.waiting} images wait already",
            f"expected at most {self.options.queue}",
            f"ask again in {headers['retry-after']} s",
        )
        return FaultError(429, problem, headers=headers)
