"""The operations of the API, by family."""

from __future__ import annotations

from legonet.studio.operations import Operation
from legonet.studio.routes import exports, graph, plan, runs, teachers, trial

OPERATIONS: tuple[Operation, ...] = (
    *graph.OPERATIONS,
    *plan.OPERATIONS,
    *runs.OPERATIONS,
    *trial.OPERATIONS,
    *teachers.OPERATIONS,
    *exports.OPERATIONS,
)
