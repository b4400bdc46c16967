import json
import shutil
import subprocess
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from legonet.render.dot import dot, quote
from legonet.render.graphviz import pure_executable
from legonet.render.layout import OPEN_UP_TO, TABLE_FROM, lay_out
from legonet.render.view import make_view


def graphviz(text: str, *options: str) -> dict:
    executable = pure_executable()
    assert executable is not None
    done = subprocess.run(
        [executable, "-Tjson", *options], input=text.encode(), capture_output=True, timeout=60, check=True
    )
    assert b"rror" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def parsed(text: str):
    """Classes by node name, and classes by (tail, head)."""
    data = graphviz(text)
    nodes = data.get("objects", [])
    names = [node["name"] for node in nodes]
    edges = {
        (names[edge["tail"]], names[edge["head"]]): edge["class"].split() for edge in data.get("edges", [])
    }
    shown = {node["name"]: node["class"].split() for node in nodes}
    return {name: each for name, each in shown.items() if not name.startswith("legend:")}, edges


def test_structure_and_states(make_graph, make_lock, make_plan):
    graph = make_graph(teachers=[(c, "classify") for c in ("dog", "cat", "cow", "horse")])
    plan = make_plan(
        dog__classify="native",
        cat__classify="keep",
        cow__classify="add",
        horse__classify="refit",
        sheep__classify="open",
        goat__classify="remove",
    )
    nodes, edges = parsed(dot(make_view(graph, make_lock(["cat:classify"]), plan)))
    kinds = Counter(classes[0] for classes in nodes.values())
    assert kinds["category"] == 6
    assert kinds["task"] == 1
    assert kinds["adapter"] == 4
    assert kinds["identity"] == 1
    assert kinds["teacher"] == 5, "four gave f, one of them g_S as well"
    states = {name: classes[1] for name, classes in nodes.items() if name.startswith("adapter:")}
    assert states == {
        "adapter:dog:classify": "native",
        "adapter:cat:classify": "built",
        "adapter:cow:classify": "planned",
        "adapter:horse:classify": "refit",
        "adapter:goat:classify": "removed",
    }
    for category, state in zip(
        ("dog", "cat", "cow", "horse", "goat"),
        ("native", "built", "planned", "refit", "removed"),
        strict=True,
    ):
        assert edges[f"category:{category}", f"adapter:{category}:classify"] == ["in", state]
        assert edges[f"adapter:{category}:classify", "task:classify"] == ["out", state]
    assert edges["category:sheep", "task:classify"] == ["through", "open"]
    gave = {pair for pair, classes in edges.items() if classes == ["gave"]}
    assert gave == {
        ("teacher:dog-classify:task", "task:classify"),
        *((f"teacher:{c}-classify:category", f"category:{c}") for c in ("dog", "cat", "cow", "horse")),
    }
    assert len(edges) == 5 * 2 + 1 + 5


def test_a_weak_path_is_drawn_as_such(make_graph, make_lock):
    lock = make_lock(["cat:classify", "cow:classify"], weak=["cow:classify"])
    figures = {path: {"error": 0.2} for path in ("cat:classify", "cow:classify")}
    text = dot(make_view(make_graph(["dog", "cat", "cow"]), lock, None, figures))
    lines = [line.strip() for line in text.splitlines()]
    adapters = {
        name: next(x for x in lines if x.startswith(f'"adapter:{name}:') and "->" not in x)
        for name in ("cat", "cow")
    }
    assert 'penwidth="2.4"' in adapters["cow"]
    assert 'penwidth="1"' in adapters["cat"]
    assert "weak 20.0" in text
    assert "weak: under 90 % agreement expected" in text


def test_what_is_written_where(make_graph, make_lock):
    figures = {"cat:classify": {"error": 0.041, "teacher": 0.017}}
    data = graphviz(dot(make_view(make_graph(["dog", "cat"]), make_lock(["cat:classify"]), None, figures)))
    nodes = {node["name"]: node for node in data["objects"]}
    assert nodes["adapter:cat:classify"]["label"] == "3×3 · back-distillation"
    assert nodes["adapter:dog:classify"]["label"] == "identity"
    assert nodes["teacher:cat-classify:category"]["label"] == "2 · cat-classify"
    (label,) = [edge["label"] for edge in data["edges"] if edge.get("label")]
    assert "4.1 %" in label
    assert "(1.7 %)" in label
    assert "error of the path (of its teacher)" in nodes["note"]["label"]


@pytest.mark.parametrize(
    ("figures", "note"),
    [
        ({"error": 0.1, "teacher": 0.05}, "error of the path (of its teacher)"),
        ({"error": 0.1}, "error of the path"),
        ({"iou": 0.7, "teacher": 0.8}, "in brackets: of the path's teacher"),
        ({"iou": 0.7}, None),
        ({}, None),
    ],
)
def test_the_note_says_how_to_read_the_figures(make_graph, figures, note):
    data = graphviz(dot(make_view(make_graph(["dog"]), figures={"dog:classify": figures})))
    labels = [node["label"] for node in data["objects"] if node["name"] == "note"]
    assert labels == ([note] if note else [])


def test_the_note_tells_errors_from_figures_that_have_a_name(make_graph):
    figures = {"dog:classify": {"error": 0.1, "teacher": 0.05}, "cat:segment": {"IoU": 0.7, "teacher": 0.8}}
    native = [("dog", "classify"), ("cat", "segment")]
    graph = make_graph(["dog", "cat"], ["classify", "segment"], native)
    data = graphviz(dot(make_view(graph, figures=figures)))
    (label,) = [node["label"] for node in data["objects"] if node["name"] == "note"]
    assert label.startswith("in percent: error of the path · in brackets: of the path's teacher")


def test_a_teacher_that_gave_no_module_is_named_on_its_adapter(make_graph):
    text = dot(make_view(make_graph(["dog", "cat"], ["classify", "segment"])))
    nodes, _ = parsed(text)
    assert "teacher:cat-segment" not in " ".join(nodes)
    assert "taught by 4 · cat-segment" in text


def test_a_teacher_that_gave_and_taught_nothing_is_still_drawn(make_graph, make_plan):
    graph = make_graph(["dog", "cat"], ["classify", "segment"])
    nodes, _ = parsed(dot(make_view(graph, plan=make_plan(cat__segment="open"))))
    assert nodes["teacher:cat-segment"] == ["teacher"]


def test_many_open_pairs_are_counted_instead_of_drawn(make_graph):
    few = make_graph([f"c{i}" for i in range(OPEN_UP_TO)], teachers=[])
    many = make_graph([f"c{i}" for i in range(OPEN_UP_TO + 1)], teachers=[])
    assert len(parsed(dot(make_view(few)))[1]) == OPEN_UP_TO
    nodes, edges = parsed(dot(make_view(many)))
    assert not edges
    assert "13 pairs are not connected yet" in dot(make_view(many))
    assert sum(name.startswith("category:") for name in nodes) == OPEN_UP_TO + 1


@pytest.mark.parametrize("tasks", [1, 2, 3])
@pytest.mark.parametrize("categories", [0, 1, 2, 5, 12, 30, 70])
def test_boxes_never_overlap(make_graph, categories, tasks):
    graph = make_graph([f"category-{i}" for i in range(categories)], [f"t{i}" for i in range(tasks)])
    boxes = [box for box in lay_out(make_view(graph)).boxes if box.kind not in ("heading", "note")]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart_x = abs(one.x - other.x) >= (one.width + other.width) / 2 - 1e-6
            apart_y = abs(one.y - other.y) >= (one.height + other.height) / 2 - 1e-6
            assert apart_x or apart_y, (one.id, other.id)


@pytest.mark.parametrize("size", [(2, 1), (5, 2), (12, 3), (70, 2)])
def test_text_stays_in_its_box(make_graph, size):
    long = "a label that goes on and on, as labels of people do " * 4
    names = [f"{'category-with-a-long-name-' * 2}{i}" for i in range(size[0])]
    graph = make_graph(
        names, [f"t{i}" for i in range(size[1])], teachers=[], labels=dict.fromkeys(names[::2], long)
    )
    for box in lay_out(make_view(graph)).boxes:
        assert all(line.width <= box.width for line in box.lines), box.id


def test_one_task_is_reached_straight(make_graph, make_lock):
    layout = lay_out(make_view(make_graph(), make_lock(["cat:classify"])))
    for curve in layout.curves:
        assert len({round(y, 6) for _, y in curve.points}) == 1, curve


def test_a_large_network_is_a_table(make_graph):
    graph = make_graph([f"c{i}" for i in range(TABLE_FROM)], ["classify"])
    text = dot(make_view(graph))
    nodes, edges = parsed(text)
    assert sum(name.startswith("adapter:") for name in nodes) == TABLE_FROM
    assert all(f'"legend:{state}"' in text for state in ("planned", "native"))
    assert len([1 for classes in edges.values() if classes[0] in ("in", "out")]) == 2 * TABLE_FROM
    small = dot(make_view(make_graph([f"c{i}" for i in range(TABLE_FROM - 1)], ["classify"])))
    assert "teacher:c1-classify:category" in small
    assert all(curve.drawn for curve in lay_out(make_view(make_graph())).curves)


def test_it_can_be_laid_out_anew_by_another_engine(make_graph):
    text = dot(make_view(make_graph()))
    assert graphviz(text, "-Kdot", "-Glayout=dot")["objects"]


@pytest.mark.skipif(shutil.which("dot") is None, reason="no system Graphviz")
def test_the_systems_graphviz_reads_the_same_structure(make_graph, make_lock):
    text = dot(make_view(make_graph(), make_lock(["cat:classify"])))
    done = subprocess.run(["dot", "-Tjson"], input=text.encode(), capture_output=True, check=True, timeout=60)
    theirs, ours = json.loads(done.stdout), graphviz(text)
    for part in ("objects", "edges"):
        assert {thing["class"]: thing["pos"].count(" ") for thing in theirs[part]} == {
            thing["class"]: thing["pos"].count(" ") for thing in ours[part]
        }
    assert len(theirs["edges"]) == len(ours["edges"])


HOSTILE = (
    '"]; evil [label="pwned"]; "',
    "</b></font>>]; evil [label=<x>]; //",
    "\\",
    "\\N \\G \\n \\l",
    '\\"',
    "&lt;b&gt; &amp; &#91; &quot;",
    "<b>bold</b><img src='/etc/passwd'/>",
    "<![CDATA[x]]> <!-- -->",
    "} digraph evil {",
    "/* // # ; -> -- ,",
    "\x00\x1b[31m\r\n\u2028\ud800\ufffe\u202e",
    "日本語 العربية 🐕‍🦺 é e\u0301",
)


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_only_text(make_graph, label):
    plain, _ = parsed(dot(make_view(make_graph(["dog", "cat"]))))
    view = make_view(make_graph(["dog", "cat"], labels={"cat": label}))
    nodes, _ = parsed(dot(view))
    assert nodes == plain


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    label=st.text(min_size=1, max_size=60) | st.text('\\"<>&;#[]{}/*-\n NGEThlrn', min_size=1, max_size=30),
    reason=st.text(max_size=60) | st.text('\\"<>&;#[]{}/*-\n NGEThlrn', max_size=30),
)
def test_any_label_and_reason(make_graph, label, reason):
    from legonet.plan.plan import PlannedEdge

    graph = make_graph(["dog", "cat"], labels={"cat": label})
    text = dot(make_view(graph, plan=[PlannedEdge("cat:classify", "refit", reason)]))
    nodes, edges = parsed(text)
    assert Counter(classes[0] for classes in nodes.values()) == {
        "category": 2,
        "task": 1,
        "adapter": 1,
        "identity": 1,
        "teacher": 3,
        "heading": 5,
    }
    assert len(edges) == 7


def test_a_short_hostile_label_is_drawn_as_it_is(make_graph):
    from xml.etree import ElementTree as ET

    from legonet.render.graphviz import svg

    label = 'a\\N"<b>&lt;'
    root = ET.fromstring(svg(make_view(make_graph(["dog"], labels={"dog": label}))))  # noqa: S314
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert label in texts


def test_quote():
    assert quote('a"b\\N&lt;') == '"a\\"b\\\\N&amp;lt;"'


def test_deterministic(make_graph, make_lock):
    views = [make_view(make_graph(), make_lock(["cat:classify"])) for _ in range(2)]
    assert dot(views[0]) == dot(views[1])
