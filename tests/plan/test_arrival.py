"""The decision table of docs/planning.md: each test is a row of it."""

from __future__ import annotations

from typing import Any

from legonet.graph.lock import Lock, LockedAdapter, LockedModule
from legonet.graph.schema import Graph
from legonet.graph.select import givers, settled
from legonet.plan.cost import History, Took
from legonet.plan.diff import diff
from legonet.plan.facts import Facts, StoredAdapter, TeacherFacts
from legonet.plan.plan import Plan

ADAPTER = "1" * 64


def sha(text: str) -> str:
    return text.encode().hex().ljust(64, "0")[:64]


def graph(arrivals: dict[str, tuple[str, str]], /, **changes: Any) -> Graph:
    """A graph of teachers, each a category and a task, in order of arrival."""
    data: dict[str, Any] = {
        "legonet": 1,
        "name": "zoo",
        "input": {"shape": [3, 8, 8]},
        "categories": {category: {} for category, _ in arrivals.values()},
        "tasks": {task: {"output": {"kind": "binary"}} for _, task in arrivals.values()},
        "teachers": {
            name: {"category": category, "task": task, "model": "m", "weights": "w", "cut": "c"}
            for name, (category, task) in arrivals.items()
        },
    }
    for section, entries in changes.items():
        for name, entry in entries.items():
            data.setdefault(section, {}).setdefault(name, {}).update(entry)
    return Graph.model_validate(data)


def facts(graph: Graph, modules: dict[str, tuple[str, str]] | None = None, **changes: Any) -> Facts:
    """What the files are: f is the category's, g the teacher's own, unless said otherwise."""
    known = {
        name: TeacherFacts(sha(f"f {each.category}"), sha(f"g {name}"))
        for name, each in graph.teachers.items()
    }
    known |= {name: TeacherFacts(sha(f), sha(g)) for name, (f, g) in (modules or {}).items()}
    given: dict[str, Any] = {"stored": frozenset({ADAPTER})} | changes
    return Facts(known, **given)


def built(graph: Graph, known: Facts) -> Lock:
    """As if the whole plan had been carried out."""
    plan, given = diff(graph, Lock(), known), givers(graph)
    adapters = {
        edge.path: LockedAdapter(
            key=edge.key or "", inputs=dict(edge.inputs), adapter=ADAPTER, method=edge.method or "", seed=0
        )
        for edge in plan.jobs
    }
    tasks = {
        task: LockedModule(teacher=giver, module=known.teachers[giver].task_module)
        for task, giver in given.tasks.items()
        if giver is not None
    }
    return Lock(adapters=adapters, tasks=tasks)


def actions(plan: Plan) -> dict[str, str]:
    return {edge.path: edge.action for edge in plan if edge.action != "remove"}


PETS = {"cat-v1": ("cat", "classify"), "dog-v1": ("dog", "classify")}
ZOO = {
    **PETS,
    "cow-v1": ("cow", "classify"),
    "cat-seg": ("cat", "segment"),
    "dog-seg": ("dog", "segment"),
}


def arrives(name: str, category: str, task: str, modules: tuple[str, str] | None = None) -> Plan:
    """The plan after one more teacher has arrived at the pets."""
    before = graph(PETS)
    after = graph({**PETS, name: (category, task)})
    known = facts(after, {} if modules is None else {name: modules})
    return diff(after, built(before, facts(before)), known)


def test_new_category_known_task() -> None:
    plan = arrives("cow-v1", "cow", "classify")
    assert actions(plan) == {"cat:classify": "native", "dog:classify": "keep", "cow:classify": "add"}
    assert plan.by_path["cow:classify"].inputs["task module"] == sha("g cat-v1")


def test_known_category_new_task() -> None:
    plan = arrives("dog-seg", "dog", "segment")
    assert actions(plan)["dog:segment"] == "native"
    assert actions(plan)["cat:segment"] == "open"
    assert [edge.path for edge in plan.changes] == []


def test_new_category_new_task() -> None:
    plan = arrives("cow-seg", "cow", "segment")
    assert actions(plan)["cow:segment"] == "native"
    assert plan.changes == ()


def test_known_category_same_f_is_reused() -> None:
    before = graph({**PETS, "cat-seg": ("cat", "segment")})
    after = graph({**PETS, "cat-seg": ("cat", "segment"), "dog-seg": ("dog", "segment")})
    plan = diff(after, built(before, facts(before)), facts(after))
    (edge,) = plan.changes
    assert (edge.path, edge.action) == ("dog:segment", "add")
    assert edge.inputs["category module"] == sha("f dog")
    assert "teacher's category module" not in edge.inputs


def test_known_category_different_f_is_kept() -> None:
    plan = arrives("dog-seg", "dog", "segment", ("f other", "g dog-seg"))
    (edge,) = plan.changes
    assert (edge.path, edge.action) == ("dog:segment", "add")
    assert edge.inputs["category module"] == sha("f dog")
    assert edge.inputs["teacher's category module"] == sha("f other")
    assert "the two are matched at the image" in edge.reason


def test_known_category_different_f_replaces() -> None:
    teachers = {**PETS, "dog-seg": ("dog", "segment")}
    before = graph(PETS)
    after = graph(teachers, categories={"dog": {"teacher": "dog-seg"}})
    known = facts(after, {"dog-seg": ("f other", "g dog-seg")})
    plan = diff(after, built(before, facts(before)), known)
    assert actions(plan) == {
        "cat:classify": "native",
        "dog:classify": "refit",
        "dog:segment": "native",
        "cat:segment": "open",
    }
    edge = plan.by_path["dog:classify"]
    assert edge.changes[0] == ("category module", sha("f dog"), sha("f other"))
    assert edge.inputs["teacher's category module"] == sha("f dog")


def test_known_category_different_f_becomes_a_variant() -> None:
    plan = arrives("dog-seg", "dog@2", "segment", ("f other", "g dog-seg"))
    assert actions(plan)["dog@2:segment"] == "native"
    assert actions(plan)["dog:classify"] == "keep"
    assert plan.changes == ()


def test_a_pair_without_a_teacher_is_open() -> None:
    plan = arrives("cow-seg", "cow", "segment")
    assert plan.by_path["dog:segment"].reason == (
        "no teacher of category dog and task segment; add one, or name dog:segment under `adapters` and give "
        "labelled samples of it"
    )


def test_labelled_samples_close_an_open_pair() -> None:
    pets = graph({**PETS, "cat-seg": ("cat", "segment")})
    given: dict[str, Any] = {"samples": {"dog:segment": "a" * 64}, "labelled": frozenset({"dog:segment"})}
    lock = built(pets, facts(pets, **given))
    (edge,) = diff(pets, built(pets, facts(pets)), facts(pets, **given)).changes
    assert (edge.path, edge.action, edge.method, edge.teacher) == ("dog:segment", "add", "ordinary", None)
    assert diff(pets, lock, facts(pets)).changes == ()  # kept without giving them again
    unlabelled: Any = {"samples": {"dog:segment": "a" * 64}}
    assert actions(diff(pets, Lock(), facts(pets, **unlabelled)))["dog:segment"] == "open"
    changed = facts(pets, {"cat-seg": ("f cat", "g new")})
    edge = diff(pets, lock, changed).by_path["dog:segment"]
    assert edge.action == "open"
    assert "task module changed from" in edge.reason
    assert edge.reason.endswith("give labelled samples of it again, or add a teacher")


def test_such_an_adapter_is_lost() -> None:
    pets = graph({**PETS, "cat-seg": ("cat", "segment")})
    given: dict[str, Any] = {"samples": {"dog:segment": "a" * 64}, "labelled": frozenset({"dog:segment"})}
    lock = built(pets, facts(pets, **given))
    alone = lock.model_copy(update={"adapters": {"dog:segment": lock.adapters["dog:segment"]}})
    plan = diff(pets, alone, facts(pets, stored=frozenset()))
    assert plan.by_path["dog:segment"].reason == (
        "its adapter 1111111111 is not in the store; give labelled samples of it again, or add a teacher"
    )
    assert [(edge.path, edge.action) for edge in plan if edge.path == "dog:segment"] == [
        ("dog:segment", "open")
    ]
    again = diff(pets, alone, facts(pets, stored=frozenset(), **given)).by_path["dog:segment"]
    assert (again.action, again.key) == ("refit", alone.adapters["dog:segment"].key)
    unlabelled: Any = {"samples": {"dog:segment": "b" * 64}}  # which nothing can be made of
    assert diff(pets, lock, facts(pets, **unlabelled)).by_path["dog:segment"].action == "keep"


class TestWhoGivesTheTaskModule:
    def test_the_first(self) -> None:
        assert givers(graph(PETS)).tasks == {"classify": "cat-v1"}

    def test_the_named_one(self) -> None:
        pets = graph(PETS, tasks={"classify": {"teacher": "dog-v1"}})
        assert givers(pets).tasks == {"classify": "dog-v1"}
        assert actions(diff(pets, Lock(), facts(pets))) == {"cat:classify": "add", "dog:classify": "native"}

    def test_the_best(self) -> None:
        best = {"classify": {"choose": "best"}}
        pets = graph(PETS, tasks=best, teachers={"cat-v1": {"quality": 0.9}, "dog-v1": {"quality": 0.95}})
        assert givers(pets).tasks == {"classify": "dog-v1"}
        unknown = graph(PETS, tasks=best, teachers={"dog-v1": {"quality": -1.0}})
        assert givers(unknown).tasks == {"classify": "dog-v1"}
        assert givers(graph(PETS, tasks=best)).tasks == {"classify": "cat-v1"}

    def test_a_better_one_that_arrives_later_is_offered(self) -> None:
        best, quality = {"classify": {"choose": "best"}}, {"cat-v1": {"quality": 0.9}}
        before = graph(PETS, tasks=best, teachers=quality)
        lock = built(before, facts(before))
        later = {**PETS, "cow-v1": ("cow", "classify")}
        quality = {**quality, "cow-v1": {"quality": 0.99}}
        after = graph(later, tasks=best, teachers=quality)
        modules = {name: each.task_module for name, each in facts(after).teachers.items()}
        history = History.of([Took("dog:classify", "auto", 4.0)])
        plan = diff(settled(after, lock, modules), lock, facts(after), history)
        assert actions(plan) == {"cat:classify": "native", "dog:classify": "keep", "cow:classify": "add"}
        assert plan.offers == (("classify", "cow-v1", "cat-v1", 2, 8.0),)
        asked = graph(later, tasks={"classify": {"choose": "best", "teacher": "cow-v1"}}, teachers=quality)
        plan = diff(settled(asked, lock, modules), lock, facts(asked), history)
        assert actions(plan) == {"cat:classify": "add", "dog:classify": "refit", "cow:classify": "native"}
        assert plan.offers == ()

    def test_a_renamed_one_stays(self) -> None:
        best = {"classify": {"choose": "best"}}
        before = graph(PETS, tasks=best)
        lock = built(before, facts(before))
        renamed = {"rex": ("dog", "classify"), "tom": ("cat", "classify")}
        after = graph(renamed, tasks=best, teachers={"rex": {"quality": 1.0}})
        known = facts(after, {"tom": ("f cat", "g cat-v1"), "rex": ("f dog", "g dog-v1")})
        modules = {name: each.task_module for name, each in known.teachers.items()}
        assert givers(settled(after, lock, modules)).tasks == {"classify": "tom"}
        assert diff(settled(after, lock, modules), lock, known).changes == ()

    def test_that_of_a_renamed_task_stays(self) -> None:
        best = {"classify": {"choose": "best"}}
        before = graph(PETS, tasks=best)
        lock = built(before, facts(before))
        renamed = {name: (category, "sort") for name, (category, _) in PETS.items()}
        after = graph(renamed, tasks={"sort": {"choose": "best"}}, teachers={"dog-v1": {"quality": 1.0}})
        modules = {name: each.task_module for name, each in facts(after).teachers.items()}
        now = settled(after, lock, modules)
        assert givers(now).tasks == {"sort": "cat-v1"}
        plan = diff(now, lock, facts(after))
        assert plan.jobs == ()
        assert plan.by_path["dog:sort"].reuse == StoredAdapter("dog:classify", ADAPTER)
        assert plan.offers[0].teacher == "dog-v1"


class TestChanges:
    """Only what depends on a change is fitted again."""

    def after(self, modules: dict[str, tuple[str, str]], **changes: Any) -> dict[str, str]:
        zoo = graph(ZOO)
        now = graph(ZOO, **changes)
        plan = diff(now, built(zoo, facts(zoo)), facts(now, modules))
        return {edge.path: edge.action for edge in plan.changes}

    def test_a_new_version_of_a_teacher(self) -> None:
        assert self.after({"cow-v1": ("f cow", "g new")}) == {"cow:classify": "refit"}
        assert self.after({"cow-v1": ("f new", "g new")}) == {"cow:classify": "refit"}

    def test_a_new_version_of_the_one_that_gives_the_task_module(self) -> None:
        assert self.after({"cat-v1": ("f cat", "g new")}) == {
            "dog:classify": "refit",
            "cow:classify": "refit",
        }

    def test_a_new_version_of_the_one_that_gives_the_category_module(self) -> None:
        # dog:segment is not on the new f, so that it is matched at the image from now on.
        assert self.after({"dog-v1": ("f new", "g dog-v1")}) == {
            "dog:classify": "refit",
            "dog:segment": "refit",
        }

    def test_settings(self) -> None:
        assert self.after({}, adapters={"dog:segment": {"seed": 3}}) == {"dog:segment": "refit"}
        assert self.after({}, tasks={"segment": {"adapter": {"kernel": 1}}}) == {"dog:segment": "refit"}

    def test_what_is_removed(self) -> None:
        zoo = graph(ZOO)
        lock, known = built(zoo, facts(zoo)), facts(zoo)
        for gone, removed in (
            ({"cow-v1"}, ["cow:classify"]),
            ({"dog-v1", "dog-seg"}, ["dog:classify", "dog:segment"]),
            ({"cat-seg", "dog-seg"}, ["dog:segment"]),
        ):
            now = graph({name: each for name, each in ZOO.items() if name not in gone})
            plan = diff(now, lock, known)
            assert [(edge.path, edge.action) for edge in plan.changes] == [
                (path, "remove") for path in removed
            ]

    def test_who_gave_a_module_is_removed(self) -> None:
        zoo = graph(ZOO)
        now = graph({name: each for name, each in ZOO.items() if name != "cat-v1"})
        plan = diff(now, built(zoo, facts(zoo)), facts(now))  # dog-v1 gives g_S from now on
        assert {edge.path: edge.action for edge in plan.changes if edge.action != "remove"} == {
            "cow:classify": "refit"
        }
        assert [edge.path for edge in plan if edge.action == "remove"] == ["dog:classify"]
        other = {"dog-seg": ("f other", "g dog-seg")}
        now = graph({name: each for name, each in ZOO.items() if name != "dog-v1"})
        plan = diff(now, built(zoo, facts(zoo, other)), facts(now, other))  # and here dog-seg gives f
        assert plan.by_path["dog:segment"].action == "refit"
        assert plan.by_path["dog:segment"].changes[0] == ("category module", sha("f dog"), sha("f other"))

    def test_what_is_renamed(self) -> None:
        zoo = graph(ZOO)
        lock = built(zoo, facts(zoo))
        teachers = {
            name.replace("cow", "bull"): (category.replace("cow", "bull"), task)
            for name, (category, task) in ZOO.items()
        }
        now = graph(teachers)
        plan = diff(now, lock, facts(now, {"bull-v1": ("f cow", "g cow-v1")}))
        assert plan.jobs == ()
        assert plan.by_path["bull:classify"].reuse == StoredAdapter("cow:classify", ADAPTER)


def test_an_orphan_that_is_wanted_again_is_taken_over() -> None:
    pets, alone = graph(PETS), graph({"cat-v1": ("cat", "classify")})
    lock = built(alone, facts(alone))
    key = diff(pets, Lock(), facts(pets)).by_path["dog:classify"].key
    orphan = StoredAdapter("dog:classify", ADAPTER, 0, {"residual": 0.25})
    plan = diff(pets, lock, facts(pets, fitted={key: orphan}))
    assert plan.jobs == ()
    assert plan.by_path["dog:classify"].reuse == orphan
