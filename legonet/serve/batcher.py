"""Requests that come at the same time are computed together. Needs no torch."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

SMOOTHING = 0.2  # of the newest batch in what an item is taken to need


class BusyError(Exception):
    """What is asked is not computed: the queue is full, or it is closing.

    Attributes:
        seconds: After how long there will be room, as far as one knows.
        closing: Whether there will be none any more.
    """

    def __init__(self, seconds: float, closing: bool) -> None:
        super().__init__(f"{'closing' if closing else 'the queue is full'}; expected room in {seconds:.1f} s")
        self.seconds, self.closing = seconds, closing


@dataclass(frozen=True)
class Bounds:
    """How much is computed together, and how much waits.

    Attributes:
        batch: Items that are computed together at most.
        wait: Seconds that an item waits at most for company while nothing else is computed.
        queue: Items that wait at most; what goes beyond is refused.
        batch_size: What the items of a batch are together at most, such as numbers; one item always goes.
        queue_size: What waiting items are together at most, likewise.
    """

    batch: int
    wait: float
    queue: int
    batch_size: int
    queue_size: int


@dataclass(eq=False)
class _Waiting(Generic[Item, Answer]):
    item: Item
    kind: Hashable
    size: int
    due: float
    answer: asyncio.Future[Answer] = field(repr=False)


class Batcher(Generic[Item, Answer]):
    """Computes items in batches of one kind, the oldest first, one batch at a time, in a thread of its own.

    Used as an asynchronous context manager, whose end waits for what has been accepted.

    Args:
        compute: Items of one kind → their answers, in order.
        kind_of: What items of a batch have in common, such as their shape.
        size_of: How large an item is, in the units of the bounds.
        bounds: How much is computed together, and how much waits.
        computed: Told of each batch: how many items, and how many seconds it took.
    """

    def __init__(
        self,
        compute: Callable[[list[Item]], Sequence[Answer]],
        kind_of: Callable[[Item], Hashable],
        size_of: Callable[[Item], int],
        bounds: Bounds,
        computed: Callable[[int, float], None] = lambda items, seconds: None,
    ) -> None:
        self.bounds = bounds
        self._compute, self._kind_of, self._size_of, self._computed = compute, kind_of, size_of, computed
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._running = 0
        self._seconds = 0.0  # that an item needs
        self._changed = asyncio.Event()
        self._closing = False
        self._loop: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether it computes what it is given."""
        return self._loop is not None and not self._loop.done() and not self._closing

    async def __aenter__(self) -> Batcher[Item, Answer]:
        self._thread = ThreadPoolExecutor(1, "legonet-batches")
        self._loop = asyncio.create_task(self._run(), name="legonet-batches")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._changed.set()
        if self._loop is not None:
            await self._loop
        self._thread.shutdown()

    async def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Compute some items; all of them are accepted, or none.

        Args:
            items: Of any kinds.

        Returns:
            Their answers, in order.

        Raises:
            BusyError: There is no room for them, or it is closing.
        """
        sizes = [self._size_of(each) for each in items]
        self.expect_room(len(items), sum(sizes))
        now, loop = time.monotonic(), asyncio.get_running_loop()
        given = [
            _Waiting(each, self._kind_of(each), size, now + self.bounds.wait, loop.create_future())
            for each, size in zip(items, sizes, strict=True)
        ]
        self._waiting.extend(given)
        self._changed.set()
        try:
            return list(await asyncio.gather(*(each.answer for each in given)))
        finally:  # who asked may have gone: nobody waits for the rest
            for each in given:
                each.answer.cancel()
                if each.answer.done() and not each.answer.cancelled():
                    each.answer.exception()  # seen

    def expect_room(self, items: int, size: int = 0) -> None:
        """Refuse what there is no room for now.

        Args:
            items: How many.
            size: How large they are together, if that is known.

        Raises:
            BusyError: There is none.
        """
        used = sum(each.size for each in self._waiting)
        full = len(self._waiting) + items > self.bounds.queue
        if not self.alive or full or (used and used + size > self.bounds.queue_size):
            raise BusyError(self.expected_wait, not self.alive)

    @property
    def expected_wait(self) -> float:
        """Seconds that what waits now will take, as far as one knows."""
        return max(1.0, self._seconds * (len(self._waiting) + self._running))

    async def _run(self) -> None:
        while True:
            self._drop_forgotten()
            if not self._waiting:
                if self._closing:
                    return
                self._changed.clear()
                await self._changed.wait()
                continue
            batch = self._next()
            left = self._waiting[0].due - time.monotonic()
            if left > 0 and not self._full(batch) and not self._closing:
                self._changed.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), left)
                continue
            for each in batch:
                self._waiting.remove(each)
            self._running = len(batch)
            await self._answer(batch)
            self._running = 0

    def _drop_forgotten(self) -> None:
        if any(each.answer.done() for each in self._waiting):
            self._waiting = deque(each for each in self._waiting if not each.answer.done())

    def _next(self) -> list[_Waiting[Item, Answer]]:
        """The oldest item, and those of its kind that fit beside it."""
        batch, size = [self._waiting[0]], self._waiting[0].size
        for each in list(self._waiting)[1:]:
            if each.kind == batch[0].kind:
                size += each.size
                if len(batch) == self.bounds.batch or size > self.bounds.batch_size:
                    break
                batch.append(each)
        return batch

    def _full(self, batch: list[_Waiting[Item, Answer]]) -> bool:
        """Whether waiting for company is in vain."""
        size = sum(each.size for each in batch) + batch[0].size
        return len(batch) >= self.bounds.batch or size > self.bounds.batch_size

    async def _answer(self, batch: list[_Waiting[Item, Answer]]) -> None:
        loop, begin = asyncio.get_running_loop(), time.monotonic()
        try:
            found = await loop.run_in_executor(self._thread, self._compute, [each.item for each in batch])
            answers = list(zip(batch, found, strict=True))
        except Exception as error:
            if len(batch) > 1:  # one may be at fault: the others are not to suffer
                for each in batch:
                    await self._answer([each])
            elif not batch[0].answer.done():
                batch[0].answer.set_exception(error)
            return
        seconds = time.monotonic() - begin
        each_took = seconds / len(batch)
        known = self._seconds or each_took
        self._seconds = known + SMOOTHING * (each_took - known)
        self._computed(len(batch), seconds)
        for each, answer in answers:
            if not each.answer.done():
                each.answer.set_result(answer)


def whole_seconds(seconds: float) -> str:
    """As the header `Retry-After` has them."""
    return str(max(1, math.ceil(seconds)))
