"""What comes at the same time is computed together; nothing is lost, mixed up, or waits without end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from legonet.serve.batcher import Batcher, Bounds, BusyError, whole_seconds

BOUNDS = Bounds(batch=4, wait=0.01, queue=8, batch_size=100, queue_size=400)


class Doubling:
    """Doubles numbers, when it may; those below 0 it fails at."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, items: list[int]) -> list[int]:
        assert self.go.wait(30)
        self.batches.append(items)
        if min(items) < 0:
            raise ValueError(f"{min(items)} is negative")
        return [2 * each for each in items]


def run(
    work: Callable[[Batcher[int, int]], Awaitable[Any]],
    compute: Callable[[list[int]], list[int]],
    bounds: Bounds = BOUNDS,
    size_of: Callable[[int], int] = lambda item: 1,
    computed: Callable[[int, float], None] = lambda items, seconds: None,
) -> Any:
    async def whole() -> Any:
        async with Batcher(compute, lambda item: item % 2, size_of, bounds, computed) as batcher:
            return await work(batcher)

    return asyncio.run(whole())


async def held(batcher: Batcher[int, int], compute: Doubling, *items: int) -> list[asyncio.Task[list[int]]]:
    """Requests of one item each, that came while a first one was computed."""
    compute.go.clear()
    first = asyncio.create_task(batcher([0]))
    while batcher.waiting or not first_is_running(batcher):
        await asyncio.sleep(0.001)
    tasks = [asyncio.create_task(batcher([each])) for each in items]
    await asyncio.sleep(0)
    compute.go.set()
    return [first, *tasks]


def first_is_running(batcher: Batcher[int, int]) -> bool:
    return batcher._running > 0


def test_what_comes_while_one_is_computed_is_computed_together() -> None:
    compute = Doubling()

    async def work(batcher: Batcher[int, int]) -> list[list[int]]:
        return await asyncio.gather(*await held(batcher, compute, 2, 4, 6))

    assert run(work, compute) == [[0], [4], [8], [12]]
    assert compute.batches == [[0], [2, 4, 6]]


def test_a_batch_has_one_kind_and_is_no_larger_than_it_may_be() -> None:
    compute = Doubling()

    async def work(batcher: Batcher[int, int]) -> list[list[int]]:
        return await asyncio.gather(*await held(batcher, compute, 1, 2, 3, 4, 6, 8, 10))

    assert run(work, compute) == [[0], [2], [4], [6], [8], [12], [16], [20]]
    assert compute.batches == [[0], [1, 3], [2, 4, 6, 8], [10]]


def test_large_items_are_fewer_to_a_batch_and_one_always_goes() -> None:
    compute = Doubling()

    async def work(batcher: Batcher[int, int]) -> list[list[int]]:
        return await asyncio.gather(*await held(batcher, compute, 40, 60, 80, 200))

    run(work, compute, size_of=lambda item: item)
    assert compute.batches == [[0], [40, 60], [80], [200]]


def test_the_items_of_a_request_come_back_in_its_order() -> None:
    compute = Doubling()
    assert run(lambda batcher: batcher([5, 2, 7, 4]), compute) == [10, 4, 14, 8]


def test_an_item_alone_does_not_wait_for_company_without_end() -> None:
    compute = Doubling()
    assert run(lambda batcher: asyncio.wait_for(batcher([3]), 30), compute) == [6]


def test_a_full_queue_refuses_all_of_a_request_and_says_how_long_it_takes() -> None:
    compute = Doubling()

    async def work(batcher: Batcher[int, int]) -> None:
        compute.go.clear()
        first = asyncio.create_task(batcher([0]))
        while not first_is_running(batcher):
            await asyncio.sleep(0.001)
        rest = asyncio.create_task(batcher(list(range(7))))
        await asyncio.sleep(0)
        with pytest.raises(BusyError) as refused:
            await batcher([1, 2])
        assert refused.value.seconds >= 1
        assert not refused.value.closing
        assert batcher.waiting == 7
        compute.go.set()
        assert await first == [0]
        assert await rest == [0, 2, 4, 6, 8, 10, 12]

    run(work, compute)


def test_a_queue_is_full_of_large_items_too() -> None:
    compute = Doubling()

    async def work(batcher: Batcher[int, int]) -> None:
        tasks = await held(batcher, compute, 300)
        compute.go.clear()
        with pytest.raises(BusyError):
            batcher.expect_room(1, 150)
        batcher.expect_room(1, 50)
        compute.go.set()
        await asyncio.gather(*tasks)

    run(work, compute, size_of=lambda item: item)


def test_an_item_that_fails_fails_alone() -> None:
    compute = Doubling()

    async def work(batcher: Batcher[int, int]) -> list[Any]:
        return await asyncio.gather(*await held(batcher, compute, 2, -4, 6), return_exceptions=True)

    first, second, failed, fourth = run(work, compute)
    assert [first, second, fourth] == [[0], [4], [12]]
    assert isinstance(failed, ValueError)


def test_what_nobody_waits_for_any_more_is_not_computed() -> None:
    compute = Doubling()

    async def work(batcher: Batcher[int, int]) -> None:
        tasks = await held(batcher, compute, 2, 4)
        tasks[1].cancel()
        assert await tasks[2] == [8]
        await asyncio.gather(*tasks, return_exceptions=True)

    run(work, compute)
    assert compute.batches == [[0], [4]]


def test_closing_answers_what_was_accepted_and_accepts_nothing_more() -> None:
    compute = Doubling()

    async def work() -> None:
        batcher: Batcher[int, int] = Batcher(compute, lambda _: 0, lambda _: 1, BOUNDS)
        async with batcher:
            tasks = await held(batcher, compute, 2, 4)
        assert [await each for each in tasks] == [[0], [4], [8]]
        with pytest.raises(BusyError) as refused:
            await batcher([1])
        assert refused.value.closing

    asyncio.run(work())


def test_each_batch_is_told_of() -> None:
    compute, told = Doubling(), list[tuple[int, float]]()

    async def work(batcher: Batcher[int, int]) -> None:
        await asyncio.gather(*await held(batcher, compute, 2, 4))

    run(work, compute, computed=lambda items, seconds: told.append((items, seconds)))
    assert [items for items, _ in told] == [1, 2]
    assert all(seconds >= 0 for _, seconds in told)


def test_retry_after_is_a_whole_number_of_seconds() -> None:
    assert [whole_seconds(each) for each in (0.0, 1.0, 1.2)] == ["1", "1", "2"]
