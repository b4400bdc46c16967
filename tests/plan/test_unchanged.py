"""Paths that are kept, found for all at a time, are those whose adapters were built from the same."""

from __future__ import annotations

import pytest

from benchmarks.scale import built
from legonet.graph.lock import Lock
from legonet.plan.diff import diff
from legonet.plan.facts import Facts
from tests.plan.worlds import CHANGES, World


@pytest.mark.parametrize("name", CHANGES)
def test_kept_are_those_that_are_built_from_the_same(world: World, name: str) -> None:
    graph, lock, facts = CHANGES[name](world)
    # As if nothing had been built: every path that needs an adapter has its inputs, one after the other.
    wanted = {edge.path: edge for edge in diff(graph, Lock(), facts).jobs}
    kept = {edge.path: edge for edge in diff(graph, lock, facts) if edge.action == "keep"}
    assert kept.keys() == {
        path
        for path, edge in wanted.items()
        if path in lock.adapters
        and lock.adapters[path].adapter in facts.stored
        and (lock.adapters[path].key, lock.adapters[path].inputs) == (edge.key, edge.inputs)
    }
    for path, edge in kept.items():
        assert edge == wanted[path]._replace(action="keep", reason="nothing changed", cost=None)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_built_is_kept(world: World, name: str) -> None:
    graph, _, facts = CHANGES[name](world)
    lock, stored = built(graph, facts)
    plan = diff(graph, lock, Facts(facts.teachers, stored.stored, facts.samples))
    assert not plan.changes
    assert {edge.path for edge in plan if edge.action == "keep"} == lock.adapters.keys()


def test_samples_that_were_given_then_are_kept(world: World) -> None:
    graph, lock, facts = world
    sampled = Facts(facts.teachers, facts.stored, {"c3:t1": "e" * 64})
    edge = diff(graph, Lock(), sampled).by_path["c3:t1"]
    old = lock.adapters["c3:t1"]
    built = old.model_copy(update={"key": edge.key, "inputs": dict(edge.inputs)})
    lock = Lock(adapters={**lock.adapters, "c3:t1": built})
    assert diff(graph, lock, facts).by_path["c3:t1"].action == "keep"
    assert diff(graph, lock, sampled).by_path["c3:t1"].action == "keep"
    other = Facts(facts.teachers, facts.stored, {"c3:t1": "d" * 64})
    assert diff(graph, lock, other).by_path["c3:t1"].action == "refit"
