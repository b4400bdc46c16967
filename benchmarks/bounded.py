"""A call in a process of its own, for so long and with so much memory at most."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


class StoppedError(Exception):
    """The process was stopped, or it ended without an answer."""


def bounded(function: Callable[..., Result], *arguments: Any, seconds: float, memory: int) -> Result:
    """Call a function in a process of its own, with one thread.

    Args:
        function: Of a module, which the processes' common parent imports once.
        arguments: Its arguments, which can be pickled, as its result can.
        seconds: After which the process is killed.
        memory: Bytes of addresses that it may have.

    Raises:
        StoppedError: It did not end in time, or ended without an answer.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__])  # has an effect before the first call only
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function, arguments, memory), daemon=True)
    process.start()
    there.close()
    try:
        if here.poll(seconds):
            return here.recv()
        raise StoppedError(f"not ended in {seconds} s")
    except EOFError as error:
        raise StoppedError("its process ended without an answer") from error
    finally:
        process.kill()
        process.join()


def _answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    torch.set_num_threads(1)
    pipe.send(function(*arguments))
