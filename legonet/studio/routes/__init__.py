"""The operations of the API, by family."""

from __future__ import annotations

from legonet.studio.operations import Operation
from legonet.studio.routes import graph, runs

OPERATIONS: tuple[Operation, ...] = (*graph.OPERATIONS, *runs.OPERATIONS)
