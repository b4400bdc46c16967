"""What the tests of plans share."""

from __future__ import annotations

import pytest

from benchmarks.scale import built, network
from tests.plan.worlds import World


@pytest.fixture
def world() -> World:
    """Ten categories of two tasks each, all built."""
    graph, facts = network(20)
    lock, facts = built(graph, facts)
    return graph, lock, facts
