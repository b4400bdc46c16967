import math
from dataclasses import dataclass

import pytest

from legonet.errors import RenderError, SelectError
from legonet.graph.lock import Lock
from legonet.graph.schema import Input
from legonet.render.view import make_view, number, percent


def states(view):
    return {edge.path: edge.state for edge in view.edges}


def test_modules_keep_the_order_of_the_graph_file(make_graph):
    view = make_view(make_graph(["zebra", "ant"], ["segment", "classify"]))
    assert [module.name for module in view.categories] == ["zebra", "ant"]
    assert [module.name for module in view.tasks] == ["segment", "classify"]
    assert [edge.path for edge in view.edges] == [
        "zebra:segment",
        "zebra:classify",
        "ant:segment",
        "ant:classify",
    ]


def test_teachers_are_numbered_by_arrival_and_say_what_they_gave(make_graph):
    graph = make_graph(["dog", "cat"], ["classify"], [("cat", "classify"), ("dog", "classify")])
    first, second = make_view(graph).teachers
    assert (first.number, first.name, first.gave_category, first.gave_task) == (1, "cat-classify", True, True)
    assert (second.number, second.gave_category, second.gave_task) == (2, True, False)


def test_states_from_graph_and_lock(make_graph, make_lock):
    graph = make_graph(
        ["dog", "cat", "cow", "goat"], teachers=[(c, "classify") for c in ("dog", "cat", "cow")]
    )
    assert states(make_view(graph, make_lock(["cat:classify"]))) == {
        "dog:classify": "native",
        "cat:classify": "built",
        "cow:classify": "planned",
        "goat:classify": "open",
    }


@pytest.mark.parametrize("planned", [False, True])
def test_what_its_fit_calls_weak_is_weak(make_graph, make_lock, make_plan, planned):
    lock = make_lock(["cat:classify", "cow:classify"], weak=["cow:classify"])
    plan = make_plan(cat__classify="keep", cow__classify="keep") if planned else None
    view = make_view(make_graph(["dog", "cat", "cow"]), lock, plan, {"cow:classify": {"error": 0.2}})
    assert states(view) == {"dog:classify": "native", "cat:classify": "built", "cow:classify": "weak"}
    refit = make_plan(cow__classify="refit")
    assert states(make_view(make_graph(["dog", "cow"]), lock, refit))["cow:classify"] == "refit"


def test_without_a_lock_nothing_is_built(make_graph):
    graph = make_graph(["dog", "cat"])
    assert make_view(graph) == make_view(graph, Lock())
    assert states(make_view(graph))["cat:classify"] == "planned"


def test_content_hashes_decide_what_is_native(make_graph, make_lock):
    graph = make_graph(["dog", "cat"], ["classify", "segment"])
    modules = {
        "dog-classify": ("f", "g"),
        "cat-classify": ("f2", "g2"),
        "dog-segment": ("f", "s"),
        "cat-segment": ("another", "s2"),
    }
    assert states(make_view(graph, make_lock(["cat:classify"], modules))) == {
        "dog:classify": "native",
        "dog:segment": "native",
        "cat:classify": "built",
        "cat:segment": "planned",  # on another f: matched at the image
    }


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("add", "planned"),
        ("keep", "built"),
        ("refit", "refit"),
        ("remove", "removed"),
        ("native", "native"),
        ("open", "open"),
    ],
)
def test_a_plan_decides(make_graph, make_plan, action, state):
    view = make_view(make_graph(["dog", "cat"]), plan=make_plan(cat__classify=action))
    (edge,) = [edge for edge in view.edges if edge.path == "cat:classify"]
    assert (edge.state, edge.reason) == (state, f"why {action}")


def test_a_plan_may_be_an_object_with_edges(make_graph, make_plan):
    @dataclass(frozen=True)
    class Plan:
        edges: tuple

    edges = make_plan(cat__classify="refit")
    graph = make_graph(["dog", "cat"])
    assert make_view(graph, plan=Plan(tuple(edges))) == make_view(graph, plan=edges)


def test_the_plan_of_legonet_is_one(make_graph):
    from legonet.plan.plan import Plan, PlannedEdge

    plan = Plan("animals", (PlannedEdge("cat:classify", "refit", "the seed changed"),))
    edges = make_view(make_graph(["dog", "cat"]), plan=plan).edges
    assert [edge.state for edge in edges] == ["native", "refit"]


@pytest.mark.parametrize(("standing", "shown"), [("native", "native"), ("open", "removed")])
def test_a_path_that_a_plan_names_twice(make_graph, standing, shown):
    from legonet.plan.plan import PlannedEdge

    plan = [PlannedEdge("cat:classify", standing, "now"), PlannedEdge("cat:classify", "remove", "unused")]
    edge = make_view(make_graph(["dog", "cat"]), plan=plan).edges[1]
    assert (edge.state, edge.reason) == (shown, "now; unused")


def test_a_removed_path_brings_back_its_modules_as_ghosts(make_graph, make_plan):
    view = make_view(make_graph(["dog"]), plan=make_plan(goat__segment="remove"))
    assert [(m.name, m.ghost) for m in view.categories] == [("dog", False), ("goat", True)]
    assert [(m.name, m.ghost) for m in view.tasks] == [("classify", False), ("segment", True)]
    assert states(view) == {"dog:classify": "native", "goat:segment": "removed"}


def test_an_unknown_action_is_refused(make_graph, make_plan):
    with pytest.raises(RenderError, match=r"cat:classify: found action 'burn'; expected one of add, keep"):
        make_view(make_graph(), plan=make_plan(cat__classify="burn"))


def test_a_plan_with_a_path_that_is_none_is_refused(make_graph, make_plan):
    with pytest.raises(SelectError, match="expected category:task"):
        make_view(make_graph(), plan=make_plan(cat="add"))


def test_a_category_says_what_it_sees_if_it_is_its_own(make_graph):
    graph = make_graph(["dog", "cat"], ["classify"])
    own = graph.categories["cat"].model_copy(update={"input": Input(shape=(1, 9, 7))})
    graph = graph.model_copy(update={"categories": {**graph.categories, "cat": own}})
    captions = [each.caption for each in make_view(graph).categories]
    assert captions == ["vgg-slim to pool1", "1 × 9 × 7, vgg-slim to pool1"]


def test_captions(make_graph, make_lock):
    graph = make_graph(
        ["dog", "cat", "cow"],
        ["classify", "segment", "pose"],
        adapters={"cat:classify": {"kernel": 1, "depth": 3, "method": "back-distillation"}},
        labels={"dog": "Dog"},
    )
    view = make_view(graph, make_lock(["cow:classify"]))
    captions = {edge.path: edge.caption for edge in view.edges}
    assert captions["dog:classify"] == ""
    assert captions["cat:classify"] == "3 × 1×1 · back-distillation"
    assert captions["cow:classify"] == "3×3 · back-distillation", "what was built, not what the graph says"
    assert captions["cow:pose"] == "3×3 · auto"
    assert [task.caption for task in view.tasks] == ["score", "mask", "2 numbers"]
    assert (view.categories[0].label, view.categories[0].caption) == ("Dog", "vgg-slim to pool1")
    assert view.input == "3 × 32 × 32"


def test_figures(make_graph, make_lock):
    figures = {
        "dog:classify": {"error": 0.0174},
        "cat:classify": {"error": 0.041, "teacher": 0.017, "residual": 9.0},
        "cow:classify": {"iou": 0.7},
    }
    view = make_view(make_graph(["dog", "cat", "cow"]), make_lock(["cat:classify"]), None, figures)
    dog, cat, cow = view.edges
    assert (dog.figure, dog.reference) == ("1.7\N{NO-BREAK SPACE}%", "")
    assert (cat.figure, cat.reference) == ("4.1\N{NO-BREAK SPACE}%", "1.7\N{NO-BREAK SPACE}%")
    assert dict(cat.measured)["residual"] == 9.0, "a figure that is given beats the lock's"
    assert cow.figure == "iou 0.700"


def test_numbers_that_are_none_are_a_dash():
    assert percent(math.nan) == number(math.inf) == "–"


def test_a_view_is_a_value(make_graph, make_lock):
    assert make_view(make_graph(), make_lock(["cat:classify"])) == make_view(
        make_graph(), make_lock(["cat:classify"])
    )
