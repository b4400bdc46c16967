"""The plan as a pure function of graph, lock and facts; hashes are made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from legonet.graph.lock import Lock, LockedAdapter
from legonet.graph.schema import Graph
from legonet.plan.diff import diff
from legonet.plan.facts import Facts, StoredAdapter, TeacherFacts
from legonet.plan.plan import Plan, PlannedEdge

F_CAT, F_DOG, G_CAT, G_DOG, STATISTICS, OTHER = (digit * 64 for digit in "abcdef")
ADAPTER = "1" * 64


def graph(**changes: Any) -> Graph:
    data = {
        "legonet": 1,
        "name": "zoo",
        "input": {"shape": [3, 8, 8]},
        "categories": {"cat": {}, "dog": {}},
        "tasks": {"classify": {"output": {"kind": "binary"}}},
        "teachers": {"cat-v1": teacher("cat"), "dog-v1": teacher("dog")},
    }
    return Graph.model_validate(data | changes)


def teacher(category: str, task: str = "classify") -> dict[str, str]:
    return {"category": category, "task": task, "model": "m", "weights": "w.safetensors", "cut": "pool1"}


def facts(teachers: Mapping[str, TeacherFacts] | None = None, **changes: Any) -> Facts:
    known = {"cat-v1": TeacherFacts(F_CAT, G_CAT), "dog-v1": TeacherFacts(F_DOG, G_DOG)}
    return Facts(**({"teachers": known | dict(teachers or {}), "stored": frozenset({ADAPTER})} | changes))


def locked(edge: PlannedEdge, adapter: str = ADAPTER) -> LockedAdapter:
    return LockedAdapter(
        key=edge.key or "", inputs=dict(edge.inputs), adapter=adapter, method=edge.method or "", seed=0
    )


def fitted(plan: Plan) -> Lock:
    return Lock(adapters={edge.path: locked(edge) for edge in plan.jobs})


@pytest.fixture
def lock() -> Lock:
    return fitted(diff(graph(), Lock(), facts()))


def action(plan: Plan, path: str = "dog:classify") -> tuple[str, str]:
    edge = plan.by_path[path]
    return edge.action, edge.reason


def test_a_new_graph() -> None:
    plan = diff(graph(), Lock(), facts())
    assert [(edge.path, edge.action, edge.teacher, edge.method) for edge in plan] == [
        ("cat:classify", "native", "cat-v1", None),
        ("dog:classify", "add", "dog-v1", "auto"),
    ]
    assert [edge.path for edge in plan.jobs] == ["dog:classify"]
    assert plan.changes == plan.jobs


def test_once_fitted_nothing_is_left(lock: Lock) -> None:
    plan = diff(graph(), lock, facts())
    assert action(plan) == ("keep", "nothing changed")
    assert plan.changes == plan.jobs == ()


def test_it_is_pure(lock: Lock) -> None:
    given = graph(), lock, facts()
    before = given[0].model_dump(), lock.model_dump(), repr(given[2])
    assert diff(*given) == diff(*given)
    assert (given[0].model_dump(), lock.model_dump(), repr(given[2])) == before


@pytest.mark.parametrize(
    ("teachers", "reason"),
    [
        (
            {"dog-v1": TeacherFacts(OTHER, G_DOG)},
            f"category module changed from {F_DOG[:10]} to {OTHER[:10]}",
        ),
        ({"dog-v1": TeacherFacts(F_DOG, OTHER)}, f"teacher changed from {G_DOG[:10]} to {OTHER[:10]}"),
        ({"cat-v1": TeacherFacts(F_CAT, OTHER)}, f"task module changed from {G_CAT[:10]} to {OTHER[:10]}"),
        (
            {"dog-v1": TeacherFacts(F_DOG, G_DOG, STATISTICS)},
            f"statistics changed from none to {STATISTICS[:10]}",
        ),
        (
            {"cat-v1": TeacherFacts(F_CAT, G_CAT, STATISTICS)},
            f"task module's statistics changed from none to {STATISTICS[:10]}",
        ),
    ],
)
def test_another_file_is_a_refit(lock: Lock, teachers: dict[str, TeacherFacts], reason: str) -> None:
    assert action(diff(graph(), lock, facts(teachers))) == ("refit", reason)


@pytest.mark.parametrize(
    ("adapter", "reason"),
    [
        ({"kernel": 1}, "adapter: kernel changed from 3 to 1"),
        (
            {"kernel": 1, "depth": 3},
            "adapter: depth changed from 1 to 3; adapter: kernel changed from 3 to 1",
        ),
        ({"hidden": 8}, "adapter: hidden changed from the default to 8"),
        ({"activation": "none"}, "adapter: activation changed from relu to none"),
        ({"method": {"name": "auto", "steps": 8}}, "method: steps changed from 400 to 8"),
        ({"method": "back-distillation"}, "method changed from auto to back-distillation"),
        ({"seed": 4}, "seed changed from 0 to 4"),
    ],
)
def test_another_adapter_is_a_refit(lock: Lock, adapter: dict[str, Any], reason: str) -> None:
    assert action(diff(graph(adapters={"dog:classify": adapter}), lock, facts())) == ("refit", reason)


@pytest.mark.parametrize(
    "adapter",
    [
        {},
        {"kernel": 3, "depth": 1, "method": "auto", "seed": 0},
        {"method": {"name": "auto"}},
        {"method": {"name": "auto", "steps": 400, "imagined": 512}},
    ],
)
def test_what_is_default_may_be_spelled_out(lock: Lock, adapter: dict[str, Any]) -> None:
    plan = diff(graph(adapters={"dog:classify": adapter}), lock, facts())
    assert plan.by_path["dog:classify"].key == lock.adapters["dog:classify"].key
    assert action(plan)[0] == "keep"


def test_the_tasks_adapter_counts_where_the_path_has_none(lock: Lock) -> None:
    tasks = {"classify": {"output": {"kind": "binary"}, "adapter": {"seed": 9}}}
    assert action(diff(graph(tasks=tasks), lock, facts())) == ("refit", "seed changed from 0 to 9")
    plan = diff(graph(tasks=tasks, adapters={"dog:classify": {}}), lock, facts())
    assert action(plan)[0] == "keep"


def test_another_input_is_a_refit(lock: Lock) -> None:
    plan = diff(graph(input={"shape": [3, 16, 16]}), lock, facts())
    assert action(plan) == ("refit", "input: shape changed from [3,8,8] to [3,16,16]")


def test_labels_and_applications_build_nothing_anew(lock: Lock) -> None:
    plan = diff(
        graph(
            categories={"cat": {"label": "Cat"}, "dog": {}},
            tasks={"classify": {"output": {"kind": "binary", "labels": ["no", "yes"]}}},
            applications={"pets": ["cat:classify", "dog:classify"]},
        ),
        lock,
        facts(),
    )
    assert not plan.changes


def test_an_adapter_missing_from_the_store_is_a_refit(lock: Lock) -> None:
    reason = f"its adapter {ADAPTER[:10]} is not in the store"
    assert action(diff(graph(), lock, facts(stored=frozenset()))) == ("refit", reason)


def test_an_edited_lock_file_is_a_refit(lock: Lock) -> None:
    edited = lock.adapters["dog:classify"].model_copy(update={"key": OTHER})
    plan = diff(graph(), Lock(adapters={"dog:classify": edited}), facts())
    assert action(plan) == ("refit", "its key in the lock file is not that of its inputs, or of its adapter")


@pytest.mark.parametrize("text", ["{", "{}", '{"a": ' * 5000, "[1]", ""])
def test_odd_inputs_in_the_lock_file(lock: Lock, text: str) -> None:
    adapter = lock.adapters["dog:classify"]
    edited = adapter.model_copy(update={"key": OTHER, "inputs": adapter.inputs | {"adapter": text}})
    assert action(diff(graph(), Lock(adapters={"dog:classify": edited}), facts()))[0] == "refit"


def test_another_module_for_a_known_category_is_matched_at_the_image(lock: Lock) -> None:
    tasks = {"classify": {"output": {"kind": "binary"}}, "mark": {"output": {"kind": "mask"}}}
    more = graph(tasks=tasks).model_dump(mode="json")["teachers"] | {"dog-v2": teacher("dog", "mark")}
    clash = facts({"dog-v2": TeacherFacts(OTHER, OTHER)})
    plan = diff(graph(tasks=tasks, teachers=more), lock, clash)
    assert action(plan, "dog:mark") == (
        "add",
        f"dog-v2 arrived; its category module ({OTHER[:10]}) is not dog's ({F_DOG[:10]}, of dog-v1): the two "
        "are matched at the image",
    )
    assert action(plan, "cat:mark") == (
        "open",
        "no teacher of category cat and task mark; add one, or name cat:mark under `adapters` and give "
        "labelled samples of it",
    )
    shared = facts({"dog-v2": TeacherFacts(F_DOG, OTHER)})
    assert action(diff(graph(tasks=tasks, teachers=more), lock, shared), "dog:mark")[0] == "native"


def test_the_named_teacher_gives_the_task_module() -> None:
    tasks = {"classify": {"output": {"kind": "binary"}, "teacher": "dog-v1"}}
    plan = diff(graph(tasks=tasks), Lock(), facts())
    assert [(edge.path, edge.action) for edge in plan] == [
        ("cat:classify", "add"),
        ("dog:classify", "native"),
    ]


def test_equal_task_modules_need_no_adapter() -> None:
    plan = diff(graph(), Lock(), facts({"dog-v1": TeacherFacts(F_DOG, G_CAT)}))
    assert action(plan) == ("native", "its task module is cat-v1's; no adapter needed")


def test_what_the_graph_lost_is_removed(lock: Lock) -> None:
    plan = diff(graph(teachers={"cat-v1": teacher("cat")}), lock, facts())
    assert [(edge.path, edge.action, edge.reason) for edge in plan if edge.action == "remove"] == [
        (
            "dog:classify",
            "remove",
            "its adapter is no longer used: no teacher of category dog and task classify; add one",
        )
    ]
    only_cat = graph(teachers={"cat-v1": teacher("cat")}, categories={"cat": {}})
    assert [edge.action for edge in diff(only_cat, lock, facts())] == ["native", "remove"]
    assert diff(only_cat, lock, facts()).jobs == ()


def renamed(old: str, new: str) -> Graph:
    return Graph.model_validate(json.loads(graph().model_dump_json().replace(old, new)))


def test_a_renamed_teacher_changes_nothing(lock: Lock) -> None:
    known = {"cat-v1": TeacherFacts(F_CAT, G_CAT), "rex": TeacherFacts(F_DOG, G_DOG)}
    assert not diff(renamed("dog-v1", "rex"), lock, facts(known)).changes


def test_a_renamed_category_takes_over_its_adapter(lock: Lock) -> None:
    known = {"cat-v1": TeacherFacts(F_CAT, G_CAT), "hound-v1": TeacherFacts(F_DOG, G_DOG)}
    plan = diff(renamed("dog", "hound"), lock, facts(known))
    edge = plan.by_path["hound:classify"]
    assert (edge.action, edge.reuse) == ("add", StoredAdapter("dog:classify", ADAPTER))
    assert edge.reason == (
        "hound-v1 arrived; the adapter of dog:classify was built from the same and is taken over"
    )
    assert [(each.path, each.action) for each in plan.changes] == [
        ("hound:classify", "add"),
        ("dog:classify", "remove"),
    ]
    assert plan.jobs == ()


def test_a_renamed_category_keeps_the_adapter_that_was_fitted_with_samples() -> None:
    known = {"cat-v1": TeacherFacts(F_CAT, G_CAT), "hound-v1": TeacherFacts(F_DOG, G_DOG)}
    given = facts(samples={"dog:classify": "5" * 64}, labelled=frozenset({"dog:classify"}))
    lock = fitted(diff(graph(), Lock(), given))
    key = diff(graph(), Lock(), facts()).by_path["dog:classify"].key
    assert key is not None
    older = {key: StoredAdapter("dog:classify", "e" * 64)}  # of a fit without samples
    plan = diff(renamed("dog", "hound"), lock, facts(known, fitted=older))
    edge = plan.by_path["hound:classify"]
    assert edge.reuse == StoredAdapter("dog:classify", ADAPTER)
    assert edge.inputs["samples"] == "5" * 64
    again = facts(known, samples={"hound:classify": "6" * 64})
    assert diff(renamed("dog", "hound"), lock, again).by_path["hound:classify"].reuse is None


def test_an_adapter_that_is_not_stored_is_not_taken_over(lock: Lock) -> None:
    known = {"cat-v1": TeacherFacts(F_CAT, G_CAT), "hound-v1": TeacherFacts(F_DOG, G_DOG)}
    plan = diff(renamed("dog", "hound"), lock, facts(known, stored=frozenset()))
    assert plan.by_path["hound:classify"].reuse is None


class TestSamples:
    @pytest.fixture
    def lock(self) -> Lock:
        return fitted(diff(graph(), Lock(), facts(samples={"dog:classify": STATISTICS})))

    def test_they_are_part_of_the_key(self, lock: Lock) -> None:
        without = diff(graph(), Lock(), facts()).by_path["dog:classify"].key
        assert lock.adapters["dog:classify"].key != without

    def test_given_again(self, lock: Lock) -> None:
        assert not diff(graph(), lock, facts(samples={"dog:classify": STATISTICS})).changes

    def test_not_given_again_the_adapter_is_kept(self, lock: Lock) -> None:
        assert not diff(graph(), lock, facts()).changes

    def test_others_are_a_refit(self, lock: Lock) -> None:
        plan = diff(graph(), lock, facts(samples={"dog:classify": OTHER}))
        assert action(plan) == ("refit", f"samples changed from {STATISTICS[:10]} to {OTHER[:10]}")

    def test_a_refit_does_not_claim_samples_that_it_has_not(self, lock: Lock) -> None:
        plan = diff(graph(adapters={"dog:classify": {"seed": 1}}), lock, facts())
        assert action(plan) == (
            "refit",
            f"seed changed from 0 to 1; samples changed from {STATISTICS[:10]} to none",
        )
        assert plan.by_path["dog:classify"].inputs["samples"] == "none"


def test_as_plain_data() -> None:
    data = json.loads(json.dumps(diff(graph(), Lock(), facts()).data()))
    assert data["graph"] == "zoo"
    assert [set(edge) for edge in data["edges"]] == [
        {"path", "action", "reason", "teacher", "method", "key", "inputs", "reuse", "changes", "cost"}
    ] * 2
    assert data["edges"][0]["action"] == "native"
