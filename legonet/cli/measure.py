"""How long a plan takes where nothing has run yet: a measurement, in a process of its own.

So planning itself needs no torch. `python -m legonet.cli.measure GRAPH` is that process; it prints the
operations that were done, and in how many seconds, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from legonet.plan.plan import Plan

_PATIENCE = 120.0  # seconds for all: torch is imported, modules are cut


def measured(planned: Plan, graph: Path) -> bool:
    """Measure how fast this machine is, where nothing tells how long a plan takes and it takes a while.

    Args:
        planned: The plan; whatever goes wrong, it is as good without.
        graph: Its graph file, whose largest job is looked at.

    Returns:
        Whether there is a measurement that there was not before.
    """
    from legonet.run.pace import is_worth_measuring, keep_pace

    if not is_worth_measuring(planned):
        return False
    from legonet.errors import StoreError
    from legonet.store.workspace import Workspace

    print("measuring for a second how fast this machine is; that is done once", file=sys.stderr)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    command = [sys.executable, "-P", "-m", "legonet.cli.measure", str(graph.absolute())]
    with suppress(OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError, StoreError):
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, timeout=_PATIENCE, env=environment, check=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        keep_pace(
            Workspace.find(graph), int(found["operations"]), float(found["seconds"]), float(found["begin"])
        )
        return True
    return False


def main(graph: str) -> None:
    """Be that process."""
    import legonet
    from legonet.run.measure import measure

    network = legonet.load(graph)
    print(json.dumps(measure(network.project(), network.lock)._asdict()))


if __name__ == "__main__":
    main(sys.argv[1])
