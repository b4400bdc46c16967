"""Several transfers at a time: most of what one takes is waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")


def together(do: Callable[[_Item], _Made], items: Iterable[_Item], at_once: int) -> Iterator[_Made]:
    """Do something for each item, some at a time; what was done comes in the order in which it ends.

    After the first that fails nothing more is begun, and what has begun comes to its end.
    """
    rest, running = iter(items), set[Future[_Made]]()
    with ThreadPoolExecutor(at_once, thread_name_prefix="legonet-transfer") as pool:
        while True:
            for item in rest:
                running.add(pool.submit(do, item))
                if len(running) == at_once:
                    break
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
