"""How fast this machine fits, measured before anything has run: kept by the user. Needs no torch."""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from legonet import foreign
from legonet.errors import LegonetError, StoreError
from legonet.plan.cost import Pace
from legonet.plan.plan import Plan
from legonet.store.plain_files import write_file
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    from legonet.graph.lock import Lock
    from legonet.run.project import Project

WORTH = 10 * 10**9
"""Operations of a plan below which measuring would take longer than the plan's jobs."""

_FILE = "pace.json"


def is_worth_measuring(plan: Plan) -> bool:
    """Whether a plan takes a while, and nothing tells how long."""
    costs = [edge.cost for edge in plan.jobs if edge.cost is not None and edge.cost.seconds is None]
    return sum(cost.operations or 0 for cost in costs) >= WORTH


def find_pace(project: Project, lock: Lock, plan: Plan) -> Pace | None:
    """Measure for a second, in a process that has torch anyway, where nothing tells how long a plan takes.

    Args:
        project: Where the network lives; what was measured is kept there, if it has a workspace.
        lock: What has been built.
        plan: Its plan.
    """
    if "torch" not in sys.modules or not is_worth_measuring(plan):
        return None
    from legonet.run.measure import measure

    with suppress(LegonetError):  # it is told when it is fitted
        found = measure(project, lock)
        if project.workspace is not None:
            keep_pace(project.workspace, *found)
        return Pace(0, found.begin, None, found.seconds, found.operations, sys.maxsize)
    return None


def read_pace(workspace: Workspace | None) -> Pace | None:
    """What was measured on this machine; None if nothing was."""
    if workspace is None:
        return None
    file = workspace.found_out(_FILE)
    with suppress(StoreError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
        data = None if file is None else json.loads(foreign.read(file, foreign.SETTINGS))
        if data is not None and data["machine"] == _machine():
            took, operations, begin = float(data["seconds"]), int(data["operations"]), float(data["begin"])
            if took > 0 and operations > 0 and begin >= 0:
                # Of steps of a real fit, so that it holds for any number of them.
                return Pace(0, begin, None, took, operations, sys.maxsize)
    return None


def keep_pace(workspace: Workspace, operations: int, seconds: float, begin: float) -> None:
    """Keep what was measured.

    Args:
        workspace: The network's workspace.
        operations: How many operations were done.
        seconds: In which they were.
        begin: Seconds that a job takes before its steps.

    Raises:
        StoreError: It cannot be written.
    """
    data = {"machine": _machine(), "operations": operations, "seconds": seconds, "begin": begin}
    if (file := workspace.found_out(_FILE)) is not None:
        write_file(file, json.dumps(data).encode())


def _machine() -> str:
    """What a measurement is of: another machine, or another number of threads, is as fast as it is."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return f"{platform.node()} {platform.machine()} {os.cpu_count()} {threads}".rstrip()
