from __future__ import annotations

import pytest

from benchmarks import scale
from legonet.graph.lock import Lock
from legonet.plan.diff import diff


def test_the_network_has_one_teacher_for_every_pair() -> None:
    graph, facts = scale.network(200)
    plan = diff(graph, Lock(), facts)
    assert len(plan.edges) == 200
    assert {edge.action for edge in plan} == {"native", "add"}
    lock, facts = scale.built(graph, facts)
    assert diff(graph, lock, facts).changes == ()


@pytest.mark.slow
def test_every_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    found = scale.run_scale(True, said.append)
    assert len(found.figures) == len(said) == 14
    assert all(point.seconds >= 0 for point in found.curves)
