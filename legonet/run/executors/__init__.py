"""Where jobs are done: one file and one line in this table for each kind of executor. Needs no torch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from legonet.run.executors.base import Executor
    from legonet.run.options import RunOptions


class Kind(NamedTuple):
    """A kind of executor, as far as options depend on it before it is loaded.

    Attributes:
        place: The place of its class, `module:class`.
        limits: Whether it stops an attempt at a job at a limit of time or memory.
        machines: Whether jobs are done on others than this one.
        per_core: The most jobs at a time for each core of this machine; None: as many as are asked for.
    """

    place: str
    limits: bool = False
    machines: bool = False
    per_core: int | None = None


EXECUTORS: dict[str, Kind] = {
    "inline": Kind("legonet.run.executors.inline:InlineExecutor"),
    "process": Kind("legonet.run.executors.process:ProcessExecutor", limits=True, per_core=16),
    "ray": Kind("legonet.run.executors.ray:RayExecutor", machines=True),
}


def make_executor(options: RunOptions) -> Executor:
    """The executor that the options ask for.

    Args:
        options: Which kind, and its settings.

    Raises:
        legonet.errors.StoreError: It cannot be had here.
    """
    module, _, name = EXECUTORS[options.chosen_executor].place.partition(":")
    kind: type[Executor] = getattr(importlib.import_module(module), name)
    return kind.of(options)
