"""A call in a process of its own, with so much of the processor's time and of memory at most."""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")
PATIENCE = 20  # seconds by the clock for one of the processor, on a machine that does much else


class StoppedError(Exception):
    """The process was stopped, or it ended without an answer."""


def bounded(
    function: Callable[..., Result],
    *arguments: Any,
    seconds: int,
    memory: int,
    imported: Sequence[str] = (),
) -> Result:
    """Call a function in a process of its own, with one thread.

    Args:
        function: Of a module, which the processes' common parent imports once.
        arguments: Its arguments, which can be pickled, as its result can.
        seconds: Of the processor, after which the process is killed.
        memory: Bytes of addresses that it may have.
        imported: Modules that the parent imports too, where they are installed, once for all processes.

    Raises:
        StoppedError: It did not end in time, or ended without an answer.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [function.__module__, *imported]
    )  # has an effect before the first call only
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function, arguments, seconds, memory), daemon=True)
    process.start()
    there.close()
    try:
        if here.poll(seconds * PATIENCE):
            return here.recv()
        raise StoppedError(f"not ended in {seconds * PATIENCE} s")
    except EOFError as error:
        process.join()
        late = process.exitcode == -signal.SIGXCPU
        what = f"it took more than {seconds} s" if late else "its process ended without an answer"
        raise StoppedError(what) from error
    finally:
        process.kill()
        process.join()


def _answer(
    pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], seconds: int, memory: int
) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    torch.set_num_threads(1)
    pipe.send(function(*arguments))
