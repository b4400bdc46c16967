"""A plan that goes on from an earlier one is the plan that would have been made without it."""

from __future__ import annotations

from typing import Any

import pytest

from legonet.graph.lock import Lock, LockedAdapter
from legonet.graph.schema import Graph
from legonet.plan import diff as module
from legonet.plan.diff import diff
from legonet.plan.incremental import Before
from tests.plan.worlds import CHANGES, OTHER, World, arrived, known, sampled


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_no_different(world: World, name: str) -> None:
    before = Before(*world, diff(*world))
    after = CHANGES[name](world)
    wanted = diff(*after)
    assert diff(*after, before=before) == wanted
    assert diff(*world, before=Before(*after, wanted)) == before.plan  # and back
    loaded = Graph.model_validate(after[0].model_dump(mode="json", by_alias=True)), *after[1:]
    assert diff(*loaded, before=before) == wanted  # equal values count, not the same objects


def test_only_what_depends_on_a_change_is_planned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before, planned = Before(*world, diff(*world)), list[str]()
    taught = module._Planner.taught

    def counted(self: Any, name: str) -> Any:
        planned.append(name)
        return taught(self, name)

    monkeypatch.setattr(module._Planner, "taught", counted)
    diff(*world, before=before)
    assert planned == []
    diff(*arrived(world), before=before)
    assert planned == ["late"]
    diff(*known(world, "c3-t1", task_module=OTHER), before=before)
    assert planned == ["late", "c3-t1"]


def test_samples_given_now_or_then(world: World) -> None:
    with_samples = sampled(world)
    before = Before(*with_samples, diff(*with_samples))
    assert before.plan.by_path["c3:t0"].action == "refit"
    assert diff(*world, before=before) == diff(*world)


def test_an_adapter_of_another_lock(world: World) -> None:
    graph, lock, facts = world
    adapter = lock.adapters["c3:t1"]
    inputs = {**adapter.inputs, "seed": "1"}
    other = LockedAdapter(key=OTHER, inputs=inputs, adapter=adapter.adapter, method="auto", seed=1)
    found = diff(
        graph,
        Lock(adapters={**lock.adapters, "c3:t1": other}),
        facts,
        before=Before(*world, diff(*world)),
    )
    assert found.by_path["c3:t1"].action == "refit"
